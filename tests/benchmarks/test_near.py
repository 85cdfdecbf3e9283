"""The measured rows that stand beside a prediction."""

from app.benchmarks.accuracy import load_rows
from app.benchmarks.nearest import SetUp, nearest


def test_a_row_is_nearest_to_its_own_set_up() -> None:
    for row in load_rows()[::97]:
        layout, traffic = row.ask.layout, row.ask.traffic
        if not traffic.concurrency:
            continue
        own = SetUp(
            row.plain["model"],
            row.ask.gpu.slug,
            layout.precision,
            layout.engine,
            layout.gpus,
            traffic.input,
            traffic.output,
            traffic.concurrency,
        )
        found = nearest(own, 1)[0]
        assert (found.plain["model"], found.ask.gpu, found.ask.traffic) == (row.plain["model"], row.ask.gpu, traffic)


def test_the_same_model_elsewhere_is_nearer_than_another_on_the_same_gpu() -> None:
    asked = SetUp("openai/gpt-oss-120b", "l4-24gb", "mxfp4", "vllm", 2, 1024, 1024, 8)
    assert {row.plain["model"] for row in nearest(asked)} == {"openai/gpt-oss-120b"}
    unknown = SetUp("no/model", "h200-sxm-141gb", "fp8", "sglang", 8, 1024, 1024, 8)
    assert {row.ask.gpu.slug for row in nearest(unknown)} == {"h200-sxm-141gb"}
