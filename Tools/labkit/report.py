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
    limit: float | None = None
    """What ours is promised to be at most."""

    @property
    def ratio(self) -> float | None:
        """None where the peer has nothing to be compared with: JSON knows no infinity."""
        return self.ours / self.peer if self.peer else None

    def as_json(self) -> str:
        fields = {
            "name": self.name,
            "ours": round(self.ours, 2),
            "peer": round(self.peer, 2),
            "ratio": None if self.ratio is None else round(self.ratio, 3),
            "runs": self.runs,
            "unit": self.unit,
        }
        if self.bound is not None:
            fields["bound"] = self.bound
        if self.limit is not None:
            fields["limit"] = self.limit
        return json.dumps(fields)

    def as_text(self) -> str:
        bound = "" if self.bound is None else f" (at most {self.bound:.2f})"
        limit = "" if self.limit is None else f" (at most {self.limit:g})"
        ratio = "" if self.ratio is None else f", ratio {self.ratio:.2f}{bound}"
        return f"{self.name}: ours {self.ours:.1f} {self.unit}{limit}, peer {self.peer:.1f} {self.unit}{ratio}"
