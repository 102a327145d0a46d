"""The end of a training: which weights are the ones to be used."""

from collections.abc import Sequence

from ..run import Run
from ..streams import show
from ..text.batching import Pair
from .keeping import Checkpoints
from .listeners import Best
from .metrics import evaluate
from .settings import TrainingSettings


def choose(
    run: Run,
    pairs: Sequence[Pair],
    checkpoints: Checkpoints,
    best: Best,
    last: int,
    settings: TrainingSettings,
) -> None:
    """Give the model the weights with the lowest validation loss of the training, whose step `last`
    was its last: those of a validation, or the mean of the last checkpoints, if that is wished."""
    chosen, lowest, said = best.weights, best.loss, []
    if last < (settings.steps or 0):
        said.append(
            f"no validation found a lower loss {settings.patience} times: it ends after step {last}"
        )
    if settings.average:
        mean, count = checkpoints.mean(last)
        run.model.load_state_dict(mean)
        result = evaluate(run.model, pairs)
        run.add_to_log(
            step=last, averaged=count, averaged_loss=result.loss, averaged_exact=result.exact_match
        )
        said.append(
            f"mean of the last {count} checkpoints: validation loss {result.loss:.4f}, exact "
            f"{result.exact_match:.1%}"
        )
        if result.loss <= lowest:
            chosen, lowest = mean, result.loss
    if chosen:
        run.model.load_state_dict(chosen)
    which = "the mean" if chosen is not best.weights else f"those of step {best.step}"
    if said or best.step != last:
        said.append(f"kept are {which}, with the lowest validation loss, {lowest:.4f}")
    if not settings.quiet:
        for line in said:
            show(line)
