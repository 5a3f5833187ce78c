"""Any batch, any step, any number of models; what a run yields against a loop written by hand."""

import itertools
import multiprocessing
import types
from functools import partial

import pytest
import torch

import surefoot as sf
from surefoot.torch.scheduler import Scheduler
from surefoot.torch.tasking import task

MSE = torch.nn.MSELoss()


def net(inputs=3, outputs=1):
    torch.manual_seed(0)
    return torch.nn.Linear(inputs, outputs)


def data(n=6, batch=2):
    source = torch.Generator().manual_seed(1)
    x, y = torch.randn(n, 3, generator=source), torch.randn(n, 1, generator=source)
    return [(x[k : k + batch], y[k : k + batch]) for k in range(0, n, batch)]


def by_hand(batches, steps, lr=0.1, loss_fn=MSE):
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for x, y in itertools.islice(itertools.cycle(batches), steps):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def losses(trial, steps=7, lr=0.1, **knobs):
    return [reading.loss for reading in itertools.islice(trial(sf.Schedule(lr, (sf.hold(None),)), **knobs), steps)]


class Named(torch.nn.Module):
    def __init__(self, key="x"):
        super().__init__()
        self.linear, self.key = net(), key

    def forward(self, x):
        return self.linear(x[self.key] if isinstance(x, dict) else x)


class Hugging(Named):
    def forward(self, x, labels=None):
        output = self.linear(x)
        return types.SimpleNamespace(logits=output, loss=None if labels is None else MSE(output, labels))


class Greedy(Named):
    def forward(self, **batch):
        return {"loss": MSE(self.linear(batch["x"]), batch["y"])}


class Split(Named):
    def forward(self, a, b):
        return self.linear(torch.cat([a, b], dim=1))


class Lone(Named):
    def forward(self, xy):
        return MSE(self.linear(xy[:, :3]), xy[:, 3:])


class Endless(torch.utils.data.IterableDataset):
    def __iter__(self):
        return iter(itertools.cycle(data()))


INPUTS = {
    "tuples": (net, data(), MSE),
    "lists": (net, [list(batch) for batch in data()], MSE),
    "a tuple of batches": (net, tuple(data()), MSE),
    "dicts by name": (Named, [{"x": x, "y": y} for x, y in data()], MSE),
    "dicts whole": (lambda: Named("in"), [{"in": x, "y": y} for x, y in data()], lambda out, b: MSE(out, b["y"])),
    "dicts of a pair": (net, [{"image": x, "label": y} for x, y in data()], MSE),
    "dicts of a pair, the target first": (
        lambda: torch.nn.Sequential(net()),
        [{"y": y, "x": x} for x, y in data()],
        MSE,
    ),
    "output with .loss": (Hugging, [{"x": x, "labels": y} for x, y in data()], None),
    "dict output": (Greedy, [{"x": x, "y": y} for x, y in data()], None),
    "three parts": (Split, [(x[:, :1], x[:, 1:], y) for x, y in data()], MSE),
    "a lone tensor": (Lone, [torch.cat([x, y], dim=1) for x, y in data()], None),
    "a function that makes a generator": (net, lambda: (batch for batch in data()), MSE),
    "an iterable without length": (net, torch.utils.data.DataLoader(Endless(), batch_size=None), MSE),
}


@pytest.mark.parametrize(("make", "loader", "loss_fn"), INPUTS.values(), ids=INPUTS)
def test_a_run_is_the_loop_written_by_hand(make, loader, loss_fn):
    model = make()
    trial = task(model, torch.optim.SGD(model.parameters(), lr=1.0), loader, loss_fn)
    expected = by_hand(data(), 7)
    assert losses(trial) == expected
    assert losses(trial) == expected


def test_a_schedule_drives_each_update_and_its_end_ends_the_run():
    model = net()
    trial = task(model, torch.optim.SGD(model.parameters(), lr=1.0), data(), MSE)
    schedule = sf.Schedule(0.2, (sf.ramp(0, 1, 4), sf.ramp(1, 0, 4)))
    readings = list(trial(schedule))
    assert [reading.lr for reading in readings] == schedule.array().tolist()
    assert [reading.step for reading in readings] == list(range(8))


def test_accumulated_micro_batches_are_one_batch():
    model = net()
    trial = task(model, torch.optim.SGD(model.parameters(), lr=1.0), data(6, 1), MSE, accumulate=2)
    assert losses(trial) == pytest.approx(by_hand(data(6, 2), 7), rel=1e-5)


def test_clipping_bounds_the_update_and_tells_the_norm():
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    before = torch.cat([p.detach().flatten().clone() for p in model.parameters()])
    run = task(model, optimizer, data(), MSE, clip=1e-3)(lambda _: 1.0)
    reading = next(run)
    after = torch.cat([p.detach().flatten() for p in model.parameters()])
    assert (after - before).norm().item() == pytest.approx(1e-3, rel=1e-4)
    assert reading.grad_norm > 1e-3
    run.close()


def test_a_model_that_hands_on_what_it_gets_is_asked_by_the_names_inside():
    inner = Named()
    model = torch.compile(inner, backend="eager")
    trial = task(model, torch.optim.SGD(inner.parameters(), lr=1.0), [{"x": x, "y": y} for x, y in data()], MSE)
    assert losses(trial) == by_hand(data(), 7)


def own_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = MSE(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


ANSWERS = {
    "tensor": lambda loss: loss,
    "float": lambda loss: loss.item(),
    "dict": lambda loss: {"loss": loss, "other": 2.0},
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_step_of_the_users_own(answer):
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    trial = task(model, optimizer, data(), step_fn=lambda batch: answer(own_step(model, optimizer, *batch)))
    assert losses(trial) == by_hand(data(), 7)


def test_no_loader_at_all():
    point = torch.nn.Parameter(torch.tensor([3.0]))
    optimizer = torch.optim.SGD([point], lr=1.0)

    def step_fn():
        optimizer.zero_grad()
        loss = (point**2).sum()
        loss.backward()
        optimizer.step()
        return loss

    trial = task(None, optimizer, step_fn=step_fn)
    assert losses(trial, 3, lr=0.25) == [9.0, 2.25, 0.5625]
    assert point.item() == 3.0


def test_calls_that_make_no_update_are_not_yielded():
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    calls = itertools.count(1)

    def step_fn(batch):
        loss = MSE(model(batch[0]), batch[1]) / 3
        loss.backward()
        if next(calls) % 3 == 0:
            optimizer.step()
            optimizer.zero_grad()
        return loss

    run = task(model, optimizer, data(), step_fn=step_fn)(sf.Schedule(0.1, (sf.hold(4),)))
    assert len(list(run)) == 4
    assert next(calls) == 13


def gan():
    torch.manual_seed(0)
    parts = {"g": torch.nn.Linear(2, 3), "d": torch.nn.Linear(3, 1)}
    optimizers = {
        "g": torch.optim.Adam(parts["g"].parameters(), lr=1e-3),
        "d": torch.optim.SGD(parts["d"].parameters(), lr=4e-3, momentum=0.5),
    }

    def step_fn(batch):
        x, _ = batch
        fake = parts["g"](torch.randn(len(x), 2))
        d_loss = (parts["d"](fake.detach()) - parts["d"](x)).mean() + parts["d"](x).square().mean()
        optimizers["d"].zero_grad()
        d_loss.backward()
        optimizers["d"].step()
        g_loss = -parts["d"](fake).mean()
        optimizers["g"].zero_grad()
        g_loss.backward()
        optimizers["g"].step()
        return {"loss": d_loss, "g_loss": g_loss}

    return parts, optimizers, step_fn


def test_several_models_and_optimizers_keep_their_proportion():
    parts, optimizers, step_fn = gan()
    before = {name: [p.detach().clone() for p in part.parameters()] for name, part in parts.items()}
    run = task(parts, optimizers, data(), step_fn=step_fn)(sf.Schedule(0.4, (sf.hold(None),)), seed=0)
    reading = next(run)
    assert optimizers["g"].param_groups[0]["lr"] == pytest.approx(0.1)
    assert optimizers["d"].param_groups[0]["lr"] == 0.4
    assert "g_loss" in reading.extra
    run.close()
    assert [optimizers[name].param_groups[0]["lr"] for name in "gd"] == [1e-3, 4e-3]
    assert all(not optimizers[name].state for name in "gd")
    assert all(torch.equal(p, q) for name in parts for p, q in zip(parts[name].parameters(), before[name], strict=True))


def test_one_schedule_for_each_of_several_optimizers():
    parts, optimizers, step_fn = gan()
    plans = {name: sf.Schedule(lr, (sf.hold(3),)) for name, lr in (("g", 0.3), ("d", 0.2))}
    assert len(list(task(parts, optimizers, data(), step_fn=step_fn)(plans))) == 3
    run = task(parts, optimizers, data(), step_fn=step_fn)(plans)
    assert next(run).lr == 0.3
    assert [optimizers[name].param_groups[0]["lr"] for name in "gd"] == [0.3, 0.2]
    run.close()


def test_groups_keep_their_ratio_even_from_rate_zero():
    model = net()
    optimizer = torch.optim.SGD([{"params": [model.weight], "lr": 0.2}, {"params": [model.bias], "lr": 0.05}])
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 0.0)
    assert [group["lr"] for group in optimizer.param_groups] == [0.0, 0.0]
    run = task(model, optimizer, data(), MSE)(lambda _: 0.8)
    next(run)
    assert [group["lr"] for group in optimizer.param_groups] == [0.8, 0.2]
    run.close()
    assert [group["lr"] for group in optimizer.param_groups] == [0.0, 0.0]


def test_the_factors_of_a_scheduler_hold_before_its_first_update():
    model = net()
    optimizer = torch.optim.SGD([{"params": [model.weight]}, {"params": [model.bias]}], lr=1.0)
    scheduler = Scheduler(optimizer, sf.Schedule(0.5, (sf.ramp(0, 1, 9),)), groups=[0.25, 1.0])
    run = task(model, optimizer, data(), MSE)(lambda _: 0.8)
    next(run)
    assert [group["lr"] for group in optimizer.param_groups] == [0.2, 0.8]
    run.close()
    assert scheduler.position == 0


def test_a_scheduler_that_the_step_calls_does_not_change_the_rate_of_a_trial():
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

    def step_fn(batch):
        loss = own_step(model, optimizer, *batch)
        scheduler.step()
        return loss

    trial = task(model, optimizer, data(), step_fn=step_fn, scheduler=scheduler)
    assert losses(trial) == by_hand(data(), 7)
    assert scheduler.last_epoch == 0
    assert optimizer.param_groups[0]["lr"] == 1.0


@pytest.mark.parametrize("fused", [False, True])
def test_updates_that_amp_skips_are_neither_counted_nor_yielded(fused):
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    calls = itertools.count()

    def loss_fn(output, target):
        loss = MSE(output, target)
        # A finite loss whose gradient overflows.
        return loss + output.sum() * 1e38 * 0.0 + (output.sum() - output.sum().detach()) * 1e38 * (next(calls) < 3)

    run = task(model, optimizer, data(), loss_fn, scaler=scaler)(sf.Schedule(0.1, (sf.hold(5),)))
    assert [reading.step for reading in run] == [0, 1, 2, 3, 4]
    assert next(calls) == 8
    assert scaler.get_scale() == 2.0**10


def test_equal_seeds_give_equal_data_and_dropout_at_every_rate():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(3, 1))
    x, y = torch.randn(20, 3), torch.randn(20, 1)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(x, y), batch_size=4, shuffle=True, generator=torch.Generator()
    )
    trial = task(model, torch.optim.SGD(model.parameters(), lr=1.0), loader, MSE)
    tiny = [losses(trial, 12, lr, seed=5) for lr in (0.0, 1e-30)]
    assert tiny[0] == tiny[1]
    assert losses(trial, 12, 0.0, seed=6) != tiny[0]
    assert tiny[0][:5] != tiny[0][5:10]


class Numbers(torch.utils.data.Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, index):
        return torch.full((3,), float(index)), torch.zeros(1)


def test_persistent_workers_stay_the_users_own():
    loader = torch.utils.data.DataLoader(Numbers(), batch_size=2, num_workers=1, persistent_workers=True)
    live = iter(loader)
    seen = [int(next(live)[0][0, 0])]
    model = net()
    assert len(losses(task(model, torch.optim.SGD(model.parameters(), lr=1.0), loader, MSE), 2, 0.0)) == 2
    seen += [int(x[0, 0]) for x, _ in live]
    assert seen == [0, 2, 4, 6, 8, 10]


def test_the_workers_of_a_run_stop_when_it_ends():
    loader, model = torch.utils.data.DataLoader(Numbers(), batch_size=2, num_workers=1), net()
    before = multiprocessing.active_children()
    run = task(model, torch.optim.SGD(model.parameters(), lr=1.0), loader, MSE)(lambda _: 0.0)
    next(run)
    assert len(multiprocessing.active_children()) == len(before) + 1
    run.close()
    assert multiprocessing.active_children() == before


class Trainer:
    """A user's own class, whose method is the step."""

    def __init__(self):
        self.model, self.log = net(), []
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1.0)
        self.scheduler = torch.optim.lr_scheduler.ExponentialLR(self.optimizer, 0.5)
        self.average = torch.optim.swa_utils.AveragedModel(self.model)

    def step(self, batch, model):
        loss = own_step(model, self.optimizer, *batch)
        self.scheduler.step()
        self.average.update_parameters(model)
        self.log.append(loss.item())
        return loss


@pytest.mark.parametrize("kind", ["method", "partial", "closure"])
def test_what_a_step_refers_to_is_put_back_and_the_users_record_stays(kind):
    trainer = Trainer()
    average = [p.clone() for p in trainer.average.parameters()]
    steps = {
        "method": partial(trainer.step, model=trainer.model),
        "partial": partial(Trainer.step, trainer, model=trainer.model),
        "closure": lambda batch: trainer.step(batch, trainer.model),
    }
    found = losses(task(trainer.model, trainer.optimizer, data(), step_fn=steps[kind]))
    assert found == by_hand(data(), 7)
    assert trainer.log == found
    assert trainer.scheduler.last_epoch == 0
    assert all(torch.equal(p, q) for p, q in zip(trainer.average.parameters(), average, strict=True))


class Rewinding:
    """A loader that is its own iterator, with its position in an attribute."""

    def __init__(self):
        self.at = 0

    def __iter__(self):
        self.at = 0
        return self

    def __next__(self):
        if self.at == 3:
            raise StopIteration
        self.at += 1
        return data()[self.at - 1]


def test_a_loader_that_is_its_own_iterator_goes_on_where_the_user_was():
    loader, model = Rewinding(), net()
    next(loader)
    assert losses(task(model, torch.optim.SGD(model.parameters(), lr=1.0), loader, MSE)) == by_hand(data(), 7)
    assert torch.equal(next(loader)[0], data()[1][0])


def test_a_buffer_keeps_the_batches_of_a_one_shot_iterator():
    model = net()
    trial = task(model, torch.optim.SGD(model.parameters(), lr=1.0), iter(data()), MSE, buffer=True)
    assert losses(trial, 2) == by_hand(data(), 2)
    assert losses(trial, 7) == by_hand(data(), 7)
    assert len(list(trial.loader)) == 3


def test_weight_decay_and_momentum_are_knobs():
    model = net()
    optimizer = torch.optim.AdamW(
        [{"params": [model.weight], "weight_decay": 0.1}, {"params": [model.bias], "weight_decay": 0.0}]
    )
    run = task(model, optimizer, data(), MSE)(lambda _: 0.1, weight_decay=0.3, momentum=0.5)
    next(run)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.3, 0.0]
    assert [group["betas"] for group in optimizer.param_groups] == [(0.5, 0.999)] * 2
    run.close()
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]
    assert [group["betas"] for group in optimizer.param_groups] == [(0.9, 0.999)] * 2
