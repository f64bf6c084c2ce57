"""Are the Converse requests of these fixtures valid by AWS's own model, and their answers readable by it?"""
import base64
import json
import sys
import urllib.parse

import botocore.parsers
import botocore.session
import botocore.validate


def with_bytes(shape, value):
    """Base64 text where the model has bytes, decoded strictly."""
    if shape.type_name == "blob":
        return base64.b64decode(value, validate=True)
    if shape.type_name == "list":
        return [with_bytes(shape.member, v) for v in value]
    if shape.type_name != "structure" or shape.is_document_type:
        return value
    return {k: with_bytes(shape.members[k], v) if k in shape.members else v for k, v in value.items()}


client = botocore.session.get_session().create_client(
    "bedrock-runtime", region_name="x", aws_access_key_id="x", aws_secret_access_key="x")
operation = client.meta.service_model.operation_model("Converse")
checked = 0
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as f:
        fixture = json.load(f)
    sent = fixture.get("sent", {})
    if not sent.get("url", "").endswith("/converse"):
        continue
    params = with_bytes(operation.input_shape, sent["body"])
    params["modelId"] = urllib.parse.unquote(sent["url"].split("/")[-2])
    wrong = botocore.validate.ParamValidator().validate(params, operation.input_shape)
    if wrong.has_errors():
        sys.exit(f"{path}: {wrong.generate_report()}")
    answer = fixture.get("response", {})
    if answer.get("status", 200) == 200 and answer.get("body", {}).get("output"):
        read = botocore.parsers.create_parser("rest-json").parse(
            {"status_code": 200, "headers": {}, "body": json.dumps(answer["body"]).encode()}, operation.output_shape)
        if not read["output"]["message"]["role"] == "assistant":
            sys.exit(f"{path}: the answer is none")
    checked += 1
print(f"{checked} requests fit the model of Converse")
