from pathlib import Path

from trainer.contract import Slot
from trainer.process.environment import our_environment, variant_environment

CALLER = {
    "PATH": "/bin",
    "LANG": "C.UTF-8",
    "ATEN_CPU_CAPABILITY": "default",
    "OMP_NUM_THREADS": "1",
    "HOME": "/home/me",
    "PYTHONPATH": "/mine",
    "ANTHROPIC_API_KEY": "planted",
    "CUDA_VISIBLE_DEVICES": "0,1",
    "LD_PRELOAD": "planted",
}


def test_nothing_passes_that_is_not_on_the_list() -> None:
    for environment in (
        our_environment(CALLER, Path("/scratch")),
        variant_environment(CALLER, Slot("s"), Path("/scratch"), 8),
    ):
        assert {name for name, value in environment.items() if CALLER.get(name) == value} <= {
            "PATH",
            "LANG",
            "ATEN_CPU_CAPABILITY",
            "OMP_NUM_THREADS",
        }
        assert "planted" not in environment.values()
        assert environment["CUDA_VISIBLE_DEVICES"] == ""


def test_a_variant_gets_the_cores_and_the_gpu_of_its_slot() -> None:
    environment = variant_environment(CALLER, Slot("s", cores=3, gpu="GPU-7"), Path("/scratch"), 8)
    assert (
        environment["OMP_NUM_THREADS"],
        environment["MKL_NUM_THREADS"],
        environment["CUDA_VISIBLE_DEVICES"],
    ) == ("3", "3", "GPU-7")
    assert environment["AUTOSWARM_JUDGE_FD"] == "8"


def test_every_folder_a_variant_writes_to_lies_in_its_own() -> None:
    environment = variant_environment(CALLER, Slot("s"), Path("/scratch"), 8)
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"):
        assert environment[name].startswith("/scratch")


def test_torch_does_not_compile_under_a_counted_budget() -> None:
    counted, clocked = (
        variant_environment(CALLER, Slot("s"), Path("/scratch"), 8, counted=counted)
        for counted in (True, False)
    )
    assert counted == clocked | {"TORCH_COMPILE_DISABLE": "1", "TORCHDYNAMO_DISABLE": "1"}
