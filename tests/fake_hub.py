"""The Hugging Face Hub, on loopback: model facts, configurations and the leaderboard's files, as the real one
answers."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tests.fake_clouds import Asked, Clouds, Reply, as_json

_SPEED_COLUMNS = (
    "config.name",
    "config.backend.model",
    "config.backend.torch_dtype",
    "config.backend.attn_implementation",
    "config.environment.gpu",
    "config.scenario.input_shapes.batch_size",
    "config.scenario.input_shapes.sequence_length",
    "config.scenario.generate_kwargs.max_new_tokens",
    "report.prefill.latency.mean",
    "report.per_token.latency.mean",
    "report.decode.throughput.value",
)
SPEED_CSV = f"""{",".join(_SPEED_COLUMNS)}
pytorch-a100,meta-llama/Meta-Llama-3.1-8B,float16,sdpa,['NVIDIA A100-SXM4-80GB'],1,256,64,0.0421,0.0238,42.0
pytorch-a100,Qwen/Qwen3-8B,bfloat16,sdpa,['NVIDIA A100-SXM4-80GB'],1,256,64,0.05,,40.0
broken,meta-llama/Meta-Llama-3.1-8B,float16,sdpa,['NVIDIA A100-SXM4-80GB'],1,256,64,,,
unknown,meta-llama/Meta-Llama-3.1-8B,float16,sdpa,['Some GPU nobody knows'],1,256,64,0.1,0.1,10
"""


CONFIGS: dict[str, Any] = {
    name: config
    for path in (
        Path(__file__).parent / "models" / "configs.json",
        Path(__file__).parents[1] / "tools" / "model_configs.json",
    )
    for name, config in json.loads(path.read_text(encoding="utf-8")).items()
}


class HubAnswers:
    """The Hub's answers; tests change them."""

    def __init__(self) -> None:
        self.gated: set[str] = set()
        self.missing: set[str] = set()
        self.configs: dict[str, Any] = {}
        self.evaluations: dict[str, list[dict[str, Any]]] = {}
        self.index: dict[str, Any] = {}
        self.licence = "apache-2.0"

    def install(self, server: Clouds) -> None:
        server.answers["/api/models/*"] = self.info
        server.answers["/api/datasets/optimum-benchmark/llm-perf-leaderboard/tree/main"] = [
            {"type": "file", "path": "perf-df-pytorch-cuda-unquantized-1xA100.csv", "size": 10, "oid": "a"},
            {"type": "file", "path": "README.md", "size": 10, "oid": "b"},
        ]
        server.answers["/datasets/optimum-benchmark/llm-perf-leaderboard/resolve/main/*"] = Reply(
            SPEED_CSV.encode(), headers={"content-type": "text/csv"}
        )
        server.answers["/*"] = self.file

    def info(self, asked: Asked) -> Reply:
        model = unquote(asked.path.removeprefix("/api/models/"))
        if model in self.missing:
            return as_json({"error": "Repository not found"}, 404, **{"x-error-code": "RepoNotFound"})
        answer: dict[str, Any] = {
            "_id": "1", "id": model, "modelId": model, "downloads": 12345, "gated": "manual" if model in self.gated
            else False,
            "lastModified": "2026-05-01T12:00:00.000Z", "cardData": {"license": self.licence},
            "tags": ["text-generation", f"license:{self.licence}"],
            "safetensors": {"parameters": {"BF16": 8_000_000_000}, "total": 8_000_000_000},
            "config": {"architectures": ["X"]},
        }  # fmt: skip
        if model in self.evaluations:
            answer["evalResults"] = self.evaluations[model]
        if model in self.index:
            answer["model-index"] = self.index[model]
        return as_json(answer)

    def file(self, asked: Asked) -> Reply:
        path = unquote(asked.path).lstrip("/")
        if not path.endswith("/resolve/main/config.json"):
            return as_json({"error": "not found"}, 404)
        model = path.removesuffix("/resolve/main/config.json")
        if model in self.gated:
            return as_json({"error": "Access to model is restricted"}, 401, **{"x-error-code": "GatedRepo"})
        if model in self.configs:
            return as_json(self.configs[model])
        if model in CONFIGS:
            return Reply(json.dumps(CONFIGS[model]).encode(), headers={"content-type": "text/plain; charset=utf-8"})
        return as_json({"error": "Entry not found"}, 404, **{"x-error-code": "EntryNotFound"})


def result(dataset: str, task: str, value: Any, **more: Any) -> dict[str, Any]:
    """One entry of ``evalResults``."""
    return {
        "filename": f"{task}.yaml",
        "data": {"dataset": {"id": dataset, "task_id": task}, "value": value, "date": "2026-04-01", **more},
    }
