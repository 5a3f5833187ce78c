"""surefoot: find, plan, watch and explain the learning rate of a training run.

Names are imported when they are first used, so ``import surefoot`` costs little and never imports torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from surefoot._names import HOME, MODULES
from surefoot._version import __version__ as __version__

if TYPE_CHECKING:
    from surefoot import rules as rules
    from surefoot.curve import Band as Band
    from surefoot.curve import Curve as Curve
    from surefoot.curve import Peak as Peak
    from surefoot.curve import Progress as Progress
    from surefoot.curve import sensitivity as sensitivity
    from surefoot.curve.surface import Pair as Pair
    from surefoot.curve.surface import Surface as Surface
    from surefoot.diagnosis.diagnosing import diagnose as diagnose
    from surefoot.diagnosis.edits import applied as applied
    from surefoot.diagnosis.ledger import Tried as Tried
    from surefoot.diagnosis.nouns import Edit as Edit
    from surefoot.diagnosis.nouns import Finding as Finding
    from surefoot.diagnosis.nouns import Remedy as Remedy
    from surefoot.diagnosis.summing import Diagnosis as Diagnosis
    from surefoot.diagnosis.summing import diagnosed as diagnosed
    from surefoot.diagnosis.verdict import Verdict as Verdict
    from surefoot.diagnosis.verdict import verdict as verdict
    from surefoot.errors import ArgumentError as ArgumentError
    from surefoot.errors import BindingError as BindingError
    from surefoot.errors import FormatError as FormatError
    from surefoot.errors import GuardStop as GuardStop
    from surefoot.errors import JournalError as JournalError
    from surefoot.errors import KeywordError as KeywordError
    from surefoot.errors import MissingExtraError as MissingExtraError
    from surefoot.errors import PositionError as PositionError
    from surefoot.errors import SurefootError as SurefootError
    from surefoot.errors import TaskError as TaskError
    from surefoot.forecasting.bound import Bound as Bound
    from surefoot.forecasting.bound import bound as bound
    from surefoot.forecasting.bound import relative_peak as relative_peak
    from surefoot.forecasting.forecasting import forecast as forecast
    from surefoot.forecasting.nouns import Forecast as Forecast
    from surefoot.forecasting.nouns import Prediction as Prediction
    from surefoot.forecasting.planner import compare as compare
    from surefoot.forecasting.planner_elbow import Elbow as Elbow
    from surefoot.forecasting.planner_elbow import elbow_check as elbow_check
    from surefoot.forecasting.planner_nouns import Comparison as Comparison
    from surefoot.forecasting.refined import refined as refined
    from surefoot.history.columns import History as History
    from surefoot.history.lines import Log as Log
    from surefoot.history.origin import Origin as Origin
    from surefoot.history.reading import Reading as Reading
    from surefoot.history.reading_logs import read as read
    from surefoot.history.reading_logs import read_runs as read_runs
    from surefoot.laws.factor import Factor as Factor
    from surefoot.laws.fitting import fit_law as fit_law
    from surefoot.laws.fitting_law import FittedLaw as FittedLaw
    from surefoot.laws.scale import Scale as Scale
    from surefoot.laws.sweeps import Sweeps as Sweeps
    from surefoot.laws.transferring import transfer as transfer
    from surefoot.live.reporting import Sighting as Sighting
    from surefoot.live.watching import Watch as Watch
    from surefoot.live.watching import watch as watch
    from surefoot.report.page import page as page
    from surefoot.schedule.core import Schedule as Schedule
    from surefoot.schedule.extend import Extension as Extension
    from surefoot.schedule.foreign.torch_schedulers import from_torch as from_torch
    from surefoot.schedule.foreign.transformers_names import from_transformers as from_transformers
    from surefoot.schedule.lengths import Clock as Clock
    from surefoot.schedule.lengths import Length as Length
    from surefoot.schedule.lengths import epochs as epochs
    from surefoot.schedule.lengths import samples as samples
    from surefoot.schedule.lengths import tokens as tokens
    from surefoot.schedule.phase import Phase as Phase
    from surefoot.schedule.phase import hold as hold
    from surefoot.schedule.phase import ramp as ramp
    from surefoot.schedule.recipes.cycles import cyclic as cyclic
    from surefoot.schedule.recipes.cycles import restarts as restarts
    from surefoot.schedule.recipes.decays import constant as constant
    from surefoot.schedule.recipes.decays import cosine as cosine
    from surefoot.schedule.recipes.decays import exponential as exponential
    from surefoot.schedule.recipes.decays import half_life as half_life
    from surefoot.schedule.recipes.decays import linear as linear
    from surefoot.schedule.recipes.decays import mirror_cosine as mirror_cosine
    from surefoot.schedule.recipes.decays import one_minus_sqrt as one_minus_sqrt
    from surefoot.schedule.recipes.decays import one_minus_square as one_minus_square
    from surefoot.schedule.recipes.decays import polynomial as polynomial
    from surefoot.schedule.recipes.decays import rex as rex
    from surefoot.schedule.recipes.decays import root as root
    from surefoot.schedule.recipes.decays import warmup_decay as warmup_decay
    from surefoot.schedule.recipes.fields import opposite as opposite
    from surefoot.schedule.recipes.given import from_function as from_function
    from surefoot.schedule.recipes.given import from_points as from_points
    from surefoot.schedule.recipes.inverse import inverse_sqrt as inverse_sqrt
    from surefoot.schedule.recipes.inverse import inverse_time as inverse_time
    from surefoot.schedule.recipes.inverse import noam as noam
    from surefoot.schedule.recipes.long import infinite as infinite
    from surefoot.schedule.recipes.long import power as power
    from surefoot.schedule.recipes.long import trapezoidal as trapezoidal
    from surefoot.schedule.recipes.long import tri_stage as tri_stage
    from surefoot.schedule.recipes.long import warmup_hold_decay as warmup_hold_decay
    from surefoot.schedule.recipes.long import wsd as wsd
    from surefoot.schedule.recipes.one_cycle import one_cycle as one_cycle
    from surefoot.schedule.recipes.one_cycle import one_cycle_momentum as one_cycle_momentum
    from surefoot.schedule.recipes.stairs import staircase as staircase
    from surefoot.schedule.recipes.stairs import step_decay as step_decay
    from surefoot.schedule.recipes.warmups import radam_warmup as radam_warmup
    from surefoot.schedule.recipes.warmups import untuned_warmup as untuned_warmup
    from surefoot.schedule.recognition.recognising import Recognition as Recognition
    from surefoot.schedule.recognition.recognising import recognise as recognise
    from surefoot.search.finding import find as find
    from surefoot.search.planning import Choice as Choice
    from surefoot.search.planning import choose as choose
    from surefoot.search.planning import plan as plan
    from surefoot.search.pooling import pool as pool
    from surefoot.search.sweeping import sweep as sweep
    from surefoot.search.testing import range_test as range_test
    from surefoot.search.tuning import tune as tune
    from surefoot.trial import Trial as Trial

_MODULE = {name: f"surefoot.{module}" for module, names in HOME.items() for name in names}

__all__ = sorted([*_MODULE, *MODULES])  # noqa: PLE0605  the one list of names is HOME


def __getattr__(name: str) -> object:
    if name in MODULES:
        return import_module(f"surefoot.{name}")
    if name not in _MODULE:
        raise AttributeError(f"module 'surefoot' has no attribute {name!r}")
    value = getattr(import_module(_MODULE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
