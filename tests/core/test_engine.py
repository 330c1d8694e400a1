"""The engine: one lane a model, one job a question, and nothing that one session does reaches another."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from interp_core.engine import Engine
from interp_core.errors import (
    CheckpointError,
    InterpError,
    JobCancelledError,
    MemoryLimitError,
    QueueFullError,
    UnexpectedError,
)
from interp_core.generation import Sampling, generate
from interp_core.hooks import forward, pattern_hook
from interp_core.jobs import LINGER_S
from interp_core.lane import MOST_WAITING
from interp_core.predictions import predict
from interp_core.settings import Settings
from interp_core.types import ModelSpec, Progress, Run
from tests.patterns import all_patterns

SESSIONS, REQUESTS = 16, 25


def ablated_loss(loaded, run):
    """A job with hooks of its own, as interventions will have."""

    def zero(pattern, hook):
        return torch.zeros_like(pattern)

    with loaded.model.hooks(fwd_hooks=[(pattern_hook(0), zero)]):
        time.sleep(0.001)  # so that a thread that runs beside this one meets the hook
        return forward(loaded.model, loaded.tokens(run.tokens)).output[0].cpu().numpy()


def request(session: int, place: int, spec: ModelSpec):
    """The key and the work of one of many mixed requests; several sessions ask some of them alike."""
    source = np.random.default_rng((session % 8) * 1000 + place)
    run = Run(spec, tuple(source.integers(2, 300, size=int(source.integers(4, 24))).tolist()))
    kind = (session + place) % 4
    work = [
        lambda loaded: predict(loaded, run),
        lambda loaded: all_patterns(loaded, run),
        lambda loaded: generate(loaded, run, Sampling(4, temperature=1.0, seed=place)),
        lambda loaded: ablated_loss(loaded, run),
    ][kind]
    return (kind, run, place), work


def flat(result) -> list[bytes]:
    """A result as bytes, to be compared bit by bit."""
    if isinstance(result, np.ndarray):
        return [result.tobytes()]
    return [np.asarray(getattr(result, name)).tobytes() for name in sorted(vars(result)) if name != "top_tokens"]


def wrong_answers(engine: Engine, spec: ModelSpec) -> int:
    """How many of 16 x 25 concurrent requests differ by a bit from the same requests one after the other."""
    serial_engine = Engine(Settings())
    expected = {}
    for session in range(SESSIONS):
        for place in range(REQUESTS):
            key, work = request(session, place, spec)
            if key not in expected:
                expected[key] = flat(serial_engine.run(spec, key, work))
    serial_engine.evict(spec)

    def run_session(session: int) -> int:
        wrong = 0
        for place in range(REQUESTS):
            key, work = request(session, place, spec)
            try:
                wrong += flat(engine.run(spec, key, work)) != expected[key]
            except InterpError:
                wrong += 1
        return wrong

    with ThreadPoolExecutor(SESSIONS) as sessions:
        return sum(sessions.map(run_session, range(SESSIONS)))


def test_16_sessions_of_25_mixed_requests_are_bit_identical_to_serial(engine, tiny_spec):
    assert wrong_answers(engine, tiny_spec) == 0
    assert engine.open(tiny_spec).loaded.hook_count() == engine.open(tiny_spec)._resting_hooks


def test_the_same_check_fails_when_the_single_lane_is_removed(engine, tiny_spec):
    lane = engine.open(tiny_spec)
    lane.settled.wait()
    for _ in range(7):
        threading.Thread(target=lane._work, daemon=True).start()
    try:
        assert wrong_answers(engine, tiny_spec) > 0
    finally:
        for _ in range(7):
            lane._queue.put(None)


def test_an_exception_in_a_job_leaves_the_next_request_bit_identical(engine, tiny_spec):
    run = Run(tiny_spec, (5, 6, 7, 8))
    before = engine.run(tiny_spec, "before", lambda loaded: predict(loaded, run))

    def broken(loaded):
        def explode(pattern, hook):
            raise RuntimeError("inside the forward pass")

        with loaded.model.hooks(fwd_hooks=[(pattern_hook(1), explode)]):
            forward(loaded.model, loaded.tokens(run.tokens))

    with pytest.raises(UnexpectedError, match=r"RuntimeError.*still usable.*reference"):
        engine.run(tiny_spec, "broken", broken)
    after = engine.run(tiny_spec, "after", lambda loaded: predict(loaded, run))
    assert flat(before) == flat(after)


def test_running_out_of_memory_is_said_so_and_leaves_the_next_request_bit_identical(engine, tiny_spec):
    run = Run(tiny_spec, (5, 6, 7, 8))
    before = engine.run(tiny_spec, "before", lambda loaded: predict(loaded, run))
    with pytest.raises(MemoryLimitError, match=r"ran out of memory.*still usable"):
        engine.run(tiny_spec, "oom", lambda loaded: torch.empty(10**15))
    assert flat(engine.run(tiny_spec, "after", lambda loaded: predict(loaded, run))) == flat(before)


def test_a_hook_that_a_job_leaves_behind_is_removed_before_the_next(engine, tiny_spec):
    run = Run(tiny_spec, (5, 6, 7, 8))
    before = engine.run(tiny_spec, "before", lambda loaded: predict(loaded, run))

    def leak(loaded):
        loaded.model.add_hook(pattern_hook(0), lambda pattern, hook: pattern * 0)
        return 1

    engine.run(tiny_spec, "leak", leak)
    assert flat(engine.run(tiny_spec, "after", lambda loaded: predict(loaded, run))) == flat(before)


def test_sessions_that_ask_the_same_share_one_job(engine, tiny_spec):
    calls, gate = [], threading.Event()

    def slow(loaded):
        calls.append(1)
        gate.wait(10)
        return 42

    jobs = [engine.submit(tiny_spec, "same", slow) for _ in range(5)]
    assert len(set(jobs)) == 1
    gate.set()
    for job in jobs:
        assert job.done.wait(10)
        job.leave()
    assert engine.run(tiny_spec, "same", slow) == 42
    assert len(calls) == 1


def test_a_job_that_nobody_waits_for_stops_and_one_that_is_asked_for_again_goes_on(engine, tiny_spec):
    steps = []

    def endless(loaded):
        while True:
            steps.append(1)
            time.sleep(0.01)
            yield Progress(0.5)

    job = engine.submit(tiny_spec, "endless", endless)
    job.leave()
    again = engine.submit(tiny_spec, "endless", endless)
    assert again is job
    time.sleep(LINGER_S + 0.3)
    assert not job.done.is_set()
    job.leave()
    assert job.done.wait(LINGER_S + 5)
    assert job.state == "cancelled"
    with pytest.raises(JobCancelledError):
        job.value()


def test_an_unwanted_forward_pass_stops_at_the_next_layer(engine, tiny_spec):
    layers, job_of = [], []

    def watched(pattern, hook):
        layers.append(hook.name)
        job_of[0].cancel()

    def work(loaded):
        hooks = [(pattern_hook(layer), watched) for layer in range(3)]
        with loaded.model.hooks(fwd_hooks=hooks):
            return forward(loaded.model, loaded.tokens((4, 5, 6)))

    gate = threading.Event()
    job_of.append(engine.submit(tiny_spec, "pass", lambda loaded: (gate.wait(10), work(loaded))[1]))
    gate.set()
    assert job_of[0].done.wait(10)
    assert len(layers) == 1
    with pytest.raises(JobCancelledError):
        job_of[0].value()
    run = Run(tiny_spec, (4, 5, 6))
    assert engine.run(tiny_spec, "after", lambda loaded: predict(loaded, run)) is not None


def test_a_long_job_gives_way_between_its_steps(engine, tiny_spec):
    started = threading.Event()

    def long(loaded):
        for _ in range(200):
            started.set()
            time.sleep(0.01)
            yield Progress(0.1)
        return "long"

    job = engine.submit(tiny_spec, "long", long)
    started.wait(20)
    assert engine.run(tiny_spec, "quick", lambda loaded: "quick") == "quick"
    assert not job.done.is_set()
    job.cancel()
    assert job.done.wait(5)


def test_a_full_queue_refuses_with_a_sentence(engine, tiny_spec):
    gate = threading.Event()
    jobs = [engine.submit(tiny_spec, place, lambda loaded: gate.wait(20)) for place in range(MOST_WAITING)]
    with pytest.raises(QueueFullError, match="64 jobs already wait"):
        engine.submit(tiny_spec, "one more", lambda loaded: 1)
    gate.set()
    assert all(job.done.wait(10) for job in jobs)
    assert engine.run(tiny_spec, "one more", lambda loaded: 1) == 1


def test_a_failed_load_says_why_and_can_be_tried_again(engine, folders, tiny_folders):
    missing = ModelSpec("folder", "nothing-here", device="cpu")
    with pytest.raises(CheckpointError, match="There is no folder"):
        engine.run(missing, "x", lambda loaded: 1)
    (folders / "models" / "nothing-here").symlink_to(tiny_folders["llama"])
    try:
        with pytest.raises(CheckpointError):
            engine.run(missing, "x", lambda loaded: 1)
        engine.open(missing, retry=True)
        assert engine.run(missing, "x", lambda loaded: 1) == 1
    finally:
        (folders / "models" / "nothing-here").unlink()


def test_a_model_that_was_let_go_of_is_loaded_again(engine, tiny_spec):
    assert engine.run(tiny_spec, 1, lambda loaded: "first") == "first"
    assert engine.evict(tiny_spec)
    assert engine.run(tiny_spec, 2, lambda loaded: loaded.card.n_layers) == 3


def test_a_model_let_go_of_while_it_is_asked_is_asked_anew(engine, tiny_spec, monkeypatch):
    closed = engine.open(tiny_spec)
    closed.settled.wait()
    assert closed.close()
    lanes = [closed]
    really_open = engine.open
    monkeypatch.setattr(engine, "open", lambda spec: lanes.pop() if lanes else really_open(spec))
    assert engine.run(tiny_spec, 1, lambda loaded: "answer") == "answer"


def test_two_models_load_side_by_side(engine, tiny_folders):
    specs = [ModelSpec("folder", f"tiny-{family}", device="cpu") for family in ("llama", "gpt2")]
    with ThreadPoolExecutor(2) as tabs:
        names = list(tabs.map(lambda spec: engine.run(spec, "name", lambda loaded: loaded.card.architecture), specs))
    assert names == ["LlamaForCausalLM", "GPT2LMHeadModel"]


def test_the_least_recently_used_model_makes_room(tiny_folders):
    engine = Engine(Settings(model_memory_gib=0.11))  # each tiny model is estimated at 45 MiB
    first, second, third = (
        ModelSpec("folder", f"tiny-{family}", device="cpu") for family in ("llama", "gpt2", "qwen2")
    )
    for spec in (first, second):
        engine.run(spec, "load", lambda loaded: 1)
    engine.run(first, "use", lambda loaded: 1)
    engine.run(third, "load", lambda loaded: 1)
    assert [lane.spec for lane in engine.lanes()] == [first, third]


def test_what_cannot_fit_is_refused_with_the_numbers_and_nothing_is_let_go(tiny_folders, tiny_spec):
    engine = Engine(Settings(model_memory_gib=0.1))
    engine.run(tiny_spec, "load", lambda loaded: 1)
    with engine._lock:
        engine.settings = Settings(model_memory_gib=0.03)
    with pytest.raises(MemoryLimitError, match=r"needs 0\.04 GiB and 0\.03 GiB are free"):
        engine.run(ModelSpec("folder", "tiny-gpt2", device="cpu"), "load", lambda loaded: 1)
    assert tiny_spec in [lane.spec for lane in engine.lanes()]


def test_a_lower_limit_lets_go_of_idle_models(engine, tiny_spec):
    engine.run(tiny_spec, "load", lambda loaded: 1)
    engine.apply(Settings(model_memory_gib=0.1, threads=engine.settings.threads))
    assert tiny_spec in [lane.spec for lane in engine.lanes()]
    engine.settings = Settings(model_memory_gib=0.01)
    engine._keep_within_limit()
    assert engine.lanes() == []


def test_more_threads_clear_the_results(engine, tiny_spec):
    engine.run(tiny_spec, "kept", lambda loaded: 1)
    assert engine.results.usage()[0] == 1
    before = torch.get_num_threads()
    engine.apply(Settings(threads=1))
    assert engine.results.usage()[0] == 0
    torch.set_num_threads(before)
