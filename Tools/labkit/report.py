"""What every bench prints: one JSON object per line, the same fields for all."""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One comparison: ours and the peer's, measured in the same run, interleaved."""

    name: str
    ours: float
    peer: float
    runs: int
    unit: str
    bound: float | None = None
    """What the ratio is promised to be at most."""

    @property
    def ratio(self) -> float:
        return self.ours / self.peer if self.peer else float("inf")

    def as_json(self) -> str:
        fields = {
            "name": self.name,
            "ours": round(self.ours, 2),
            "peer": round(self.peer, 2),
            "ratio": round(self.ratio, 3),
            "runs": self.runs,
            "unit": self.unit,
        }
        if self.bound is not None:
            fields["bound"] = self.bound
        return json.dumps(fields)

    def as_text(self) -> str:
        bound = "" if self.bound is None else f" (at most {self.bound:.2f})"
        values = f"ours {self.ours:.1f} {self.unit}, peer {self.peer:.1f} {self.unit}"
        return f"{self.name}: {values}, ratio {self.ratio:.2f}{bound}"
