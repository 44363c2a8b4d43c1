"""The goals on a GPU, and what the first run reached (torch 2.11, Triton 3.6, transformers 5.17)."""

from dataclasses import dataclass

FIRST_RUN = "one H200, 2026-11-28"


@dataclass(frozen=True)
class Goal:
    """A figure that is to be reached."""

    text: str
    target: float
    first: float | None
    """What the first run reached; None where it was not measured."""
    is_least: bool = False
    """Whether a smaller figure is the better one."""

    def ratio(self, figure: float) -> float:
        """Return how far a figure reaches: 1 at the goal, more beyond it."""
        return self.target / figure if self.is_least else figure / self.target


GOALS_BY_NAME = {
    "eager": Goal("bfloat16, all statistics, against eager float32 one at a time, times", 45, 31),
    "eager_batched": Goal("the same against eager bfloat16 in batches of 8, times", 28, 20),
    "sdpa": Goal("the same against sdpa bfloat16 without attentions, times", 3.5, 2.47),
    "split": Goal("float32 of halves, all statistics, against sdpa bfloat16 without attentions, times", 1.0, 0.51),
    "statistics": Goal("cost of the statistics, bfloat16, share of the time without", 0.08, 0.18, is_least=True),
    "ceiling": Goal("share of the measured product ceiling, bfloat16, all statistics", 0.70, 0.49),
    "human_bfloat16": Goal("human proteome, FASTA to sealed atlas, bfloat16, s", 45, 113, is_least=True),
    "human_split": Goal("the same, float32 of halves, s", 125, None, is_least=True),
    "examples": Goal("the 52 examples, real 8M weights, from the command to the prompt, s", 10, 30, is_least=True),
}
"""Every goal, by the name under which the rows of parts give figures for it."""
