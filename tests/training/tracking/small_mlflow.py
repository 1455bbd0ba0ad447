"""An MLflow server in small: what the client asks of a real one while a run is tracked, kept in memory."""

import json
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts/"


class SmallMlflow:
    """Can be killed, and started again at the same address with all that it held."""

    def __init__(self) -> None:
        self.experiments: dict[str, str] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.artifacts: dict[str, bytes] = {}
        self._port = 0
        self.start()

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def only_run(self) -> dict[str, Any]:
        (run,) = self.runs.values()
        return run

    def curve(self, name: str) -> list[tuple[int, float]]:
        metrics = [metric for metric in self.only_run["metrics"] if metric["key"] == name]
        return [(int(metric.get("step", 0)), metric["value"]) for metric in metrics]

    def start(self) -> None:
        handler = type("Handler", (_Handler,), {"mlflow": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def kill(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, call: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if call == "experiments/get-by-name":
            number = self.experiments.get(asked["experiment_name"])
            return (404, _error("RESOURCE_DOES_NOT_EXIST")) if number is None else (200, _experiment(number, asked))
        if call == "experiments/create":
            return 200, {"experiment_id": self.experiments.setdefault(asked["name"], str(len(self.experiments) + 1))}
        if call == "runs/create":
            return 200, self._create(asked)
        run = self.runs.get(asked.get("run_id", ""))
        return (404, _error("RESOURCE_DOES_NOT_EXIST")) if run is None else self._of_run(call, run, asked)

    def _of_run(self, call: str, run: dict[str, Any], asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if call == "runs/log-batch":
            return self._log(run, asked)
        if call == "runs/update":
            run["info"]["status"] = asked["status"]
            return 200, {"run_info": run["info"]}
        return 200, {"run": {"info": run["info"], "data": {}}}

    def _create(self, asked: dict[str, Any]) -> dict[str, Any]:
        number = uuid.uuid4().hex
        info = {
            "run_id": number,
            "run_name": next(tag["value"] for tag in asked["tags"] if tag["key"] == "mlflow.runName"),
            "experiment_id": asked["experiment_id"],
            "status": "RUNNING",
            "lifecycle_stage": "active",
            "artifact_uri": f"mlflow-artifacts:/{number}",
        }
        self.runs[number] = {"info": info, "params": {}, "metrics": []}
        return {"run": {"info": info, "data": {}}}

    def _log(self, run: dict[str, Any], asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        for param in asked.get("params", []):
            if len(param["value"]) > 500 or run["params"].setdefault(param["key"], param["value"]) != param["value"]:
                return 400, _error("INVALID_PARAMETER_VALUE")  # as a real one does
        run["metrics"] += asked.get("metrics", [])
        return 200, {}


class _Handler(BaseHTTPRequestHandler):
    mlflow: SmallMlflow

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        self._answer(address.path, {name: values[0] for name, values in parse_qs(address.query).items()})

    def do_POST(self) -> None:
        self._answer(self.path, json.loads(self._body()))

    def do_PUT(self) -> None:
        self.mlflow.artifacts[self.path.removeprefix(ARTIFACTS).partition("/")[2]] = self._body()
        self._send(200, {})

    def _answer(self, path: str, asked: dict[str, Any]) -> None:
        self._send(*self.mlflow.answer(path.partition("/mlflow/")[2], asked))

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _send(self, status: int, document: dict[str, Any]) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def _experiment(number: str, asked: dict[str, Any]) -> dict[str, Any]:
    return {
        "experiment": {
            "experiment_id": number,
            "name": asked["experiment_name"],
            "lifecycle_stage": "active",
            "artifact_location": "mlflow-artifacts:/",
        }
    }


def _error(code: str) -> dict[str, Any]:
    return {"error_code": code, "message": code.lower()}
