"""check_kubernetes.py CRD_DIRECTORY FILE: every document of the file against the schema of its kind, where a field that
the schema does not know is a mistake: Kubernetes' own (in an old and in the newest version) or a CustomResourceDefinition.
Prints each mistake, and the kinds that are in order."""
import glob
import sys

import jsonschema
import kubernetes_validate
import yaml

VERSIONS = ("1.30", kubernetes_validate.latest_version())


def closed(schema):
    """The schema without room for unknown fields."""
    if isinstance(schema, dict):
        schema = {key: closed(value) for key, value in schema.items()}
        if "properties" in schema and isinstance(schema["properties"], dict) \
                and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
    elif isinstance(schema, list):
        schema = [closed(value) for value in schema]
    return schema


def definitions(directory):
    ret = {}
    for path in glob.glob(directory + "/*.yaml"):
        with open(path) as f:
            crd = yaml.safe_load(f)
        for version in crd["spec"]["versions"]:
            schema = version["schema"]["openAPIV3Schema"]
            schema["properties"]["metadata"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
            ret[crd["spec"]["group"] + "/" + version["name"], crd["spec"]["names"]["kind"]] = closed(schema)
    return ret


def mistakes(document, known):
    schema = known.get((document["apiVersion"], document["kind"]))
    try:
        if schema:
            # Without a check of the schema itself: its patterns are regular expressions of Go.
            jsonschema.Draft202012Validator(schema).validate(document)
        else:
            for version in VERSIONS:
                kubernetes_validate.validate(document, version, strict=True)
    except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as e:
        yield ".".join(map(str, e.path)) + ": " + e.message[:300]
    except kubernetes_validate.SchemaNotFoundError as e:
        yield e.message


def main():
    known = definitions(sys.argv[1])
    bad = 0
    with open(sys.argv[2]) as f:
        documents = [d for d in yaml.safe_load_all(f) if d]
    for document in documents:
        for text in mistakes(document, known):
            bad += 1
            print(document["kind"], document["metadata"]["name"], text)
    print(" ".join(sorted(d["kind"] for d in documents)))
    return 1 if bad or not documents else 0


sys.exit(main())
