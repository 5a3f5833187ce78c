"""The lazy validation loss: right on average, in eval mode, and without a trace."""

import itertools

import pytest
import torch

import surefoot as sf
from surefoot.torch.tasking import task

HOLD = sf.Schedule(0.1, (sf.hold(None),))
MSE = torch.nn.MSELoss()


def parts():
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(2, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 1)
    )
    x, y = torch.randn(11, 2), torch.randn(11, 1)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=4, shuffle=True)
    return model, torch.optim.SGD(model.parameters(), lr=0.1), loader, x, y


def test_it_is_the_mean_over_samples_in_eval_mode():
    model, optimizer, loader, x, y = parts()
    run = task(model, optimizer, loader, MSE, val_loader=loader)(HOLD)
    reading = next(run)
    value = reading.val_loss()
    assert all(module.training for module in model.modules())
    model.eval()
    assert value == pytest.approx(MSE(model(x), y).item(), rel=1e-6)
    model.train()
    run.close()


@pytest.mark.parametrize("how", ["val_loader", "validate"])
def test_asking_for_it_changes_no_later_loss(how):
    model, optimizer, loader, x, y = parts()

    def validate():
        model.train()
        model(x + torch.randn(11, 2))
        model.eval()
        return MSE(model(x), y)

    options = {"val_loader": loader} if how == "val_loader" else {"validate": validate}
    trial = task(model, optimizer, loader, MSE, **options)
    quiet = [reading.loss for reading in itertools.islice(trial(HOLD, seed=1), 9)]
    asked = []
    for reading in itertools.islice(trial(HOLD, seed=1), 9):
        asked.append(reading.loss)
        assert reading.val_loss() == reading.val_loss()
    assert asked == quiet


class Swapping(torch.optim.SGD):
    """Evaluates at other weights, as schedule-free optimizers do, and comes back inexactly."""

    mode = "train"

    def eval(self):
        self._to("eval", 1 / 3)

    def train(self):
        self._to("train", 3)

    @torch.no_grad()
    def _to(self, mode, factor):
        if self.mode != mode:
            self.mode = mode
            for parameter in self.param_groups[0]["params"]:
                parameter.mul_(factor)


def test_an_optimizer_that_swaps_weights_is_judged_at_those_and_put_back():
    model, _, loader, x, y = parts()
    optimizer = Swapping(model.parameters(), lr=0.1)
    optimizer.eval()
    before = [p.detach().clone() for p in model.parameters()]
    run = task(model, optimizer, loader, MSE, val_loader=loader)(HOLD)
    reading = next(run)
    assert optimizer.mode == "train"
    trained = [p.detach().clone() for p in model.parameters()]
    value = reading.val_loss()
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), trained, strict=True))
    optimizer.eval()
    model.eval()
    assert value == pytest.approx(MSE(model(x), y).item(), rel=1e-6)
    run.close()
    assert optimizer.mode == "eval"
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))
