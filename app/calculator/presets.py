"""The calculator's starting points: kinds of traffic, with usual token counts and limits. Pure."""

from dataclasses import dataclass

from app.estimate.plan import Need


@dataclass(frozen=True, slots=True)
class Preset:
    """A kind of traffic: ``rate`` in requests per second, limits in milliseconds."""

    key: str
    name: str
    text: str
    input_tokens: int
    output_tokens: int
    rate: float
    ttft_ms: int
    tpot_ms: int
    utilisation: float

    def need(self) -> Need:
        """The same as the estimator's input."""
        return Need(
            self.input_tokens, self.output_tokens, self.rate, self.ttft_ms / 1e3, self.tpot_ms / 1e3, self.utilisation
        )


PRESETS = (
    Preset("chat", "Chat", "people reading along", 1_000, 300, 2.0, 2_000, 50, 0.6),
    Preset("rag", "RAG", "long retrieved text, short answers", 8_000, 500, 1.0, 4_000, 50, 0.6),
    Preset("code", "Code", "completions while typing", 2_000, 150, 4.0, 1_000, 25, 0.6),
    Preset("batch", "Batch", "no one is waiting", 2_000, 500, 5.0, 120_000, 500, 0.9),
    Preset("agents", "Agents", "long context, many steps", 16_000, 800, 0.5, 8_000, 40, 0.6),
)
"""The calculator starts with the first one."""
ELECTRICITY = {"g_per_kwh": 473, "text": "world average of 2024, Ember Global Electricity Review 2025",
               "url": "https://ember-energy.org/latest-insights/global-electricity-review-2025/"}  # fmt: skip
"""Grams of CO2 per kilowatt-hour of grid electricity. The visitor may enter another value."""
