"""own_server.py PORT-FILE KEY MODEL: stands in for a model server of somebody's own (vLLM and the like): OpenAI's chat
API over HTTP with a key, one model, an answer after 0.3 s. It shares nothing with the simulator."""
import http.server
import json
import os
import sys
import time

PORT_FILE, KEY, MODEL = sys.argv[1:]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, message):
        self.answer(status, {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": status}})

    def do_GET(self):
        self.answer(200, {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 1, "owned_by": "me"}]})

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers.get("Authorization") != f"Bearer {KEY}":
            return self.refuse(401, "Unauthorized")
        if self.path != "/v1/chat/completions":
            return self.refuse(404, "Not Found")
        if request["model"] != MODEL:
            return self.refuse(404, f"The model `{request['model']}` does not exist.")
        time.sleep(0.3)
        message = {"role": "assistant", "content": f"{MODEL} says: {request['messages'][-1]['content']}"}
        return self.answer(200, {
            "id": "chatcmpl-own", "object": "chat.completion", "created": int(time.time()), "model": MODEL,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16}})

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(PORT_FILE + ".new", "w") as f:
    print(server.server_port, file=f)
os.rename(PORT_FILE + ".new", PORT_FILE)
server.serve_forever()
