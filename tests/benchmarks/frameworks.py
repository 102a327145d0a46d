"""Who takes part. Another one is a line here and a file `with_NAME.py` beside it.

Such a file has a class `Stepper(workload, weights, data, **settings)` whose `step()` makes one
training step and returns the loss, and where it `decodes` a class `Decoder` of the same form whose
`step()` returns the ids that were written. Where the matrix products are not NumPy's, a function
`kernel()` says what computes them.
"""

from dataclasses import dataclass, field
from importlib.util import find_spec


@dataclass(frozen=True)
class Framework:
    """`needs` is the package without which it is left out. One that is `optional` is left out also
    when it fails; one that is not `daily` takes part in the long form only."""

    name: str
    title: str
    module: str
    needs: str = "numpy"
    settings: dict = field(default_factory=dict)  # further arguments of its Stepper
    decodes: bool = False
    daily: bool = False
    optional: bool = False

    @property
    def installed(self):
        return find_spec(self.needs) is not None


OURS, BASELINE = "minitransformer", "torch"
FRAMEWORKS = {
    framework.name: framework
    for framework in (
        Framework(OURS, "minitransformer", "with_minitransformer", decodes=True, daily=True),
        Framework(
            *("two-workers", "two workers", "with_workers"),
            settings={"workers": 2},
            daily=True,
        ),
        Framework(BASELINE, "PyTorch", "with_torch", "torch", decodes=True, daily=True),
        Framework(
            *("torch-compile", "torch.compile", "with_torch", "torch", {"compiled": True}),
            optional=True,  # it needs a C++ compiler
        ),
        Framework("jax", "JAX", "with_jax", "jax", decodes=True),
        Framework("autograd", "HIPS autograd", "with_autograd", "autograd"),
        Framework("mygrad", "MyGrad", "with_mygrad", "mygrad"),
        Framework("products", "products alone", "with_products", daily=True),
    )
}
