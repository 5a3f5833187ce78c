"""Charts as data: what is drawn is decided here and tested; renderers only draw."""

from surefoot.chart.curves import curve_chart as curve_chart
from surefoot.chart.data import Axis as Axis
from surefoot.chart.data import Chart as Chart
from surefoot.chart.data import Mark as Mark
from surefoot.chart.data import Series as Series
from surefoot.chart.data import Tone as Tone
from surefoot.chart.findings import findings_chart as findings_chart
from surefoot.chart.findings import plans_chart as plans_chart
from surefoot.chart.nouns import schedule_chart as schedule_chart
from surefoot.chart.numbers import count_text as count_text
from surefoot.chart.numbers import rate_text as rate_text
from surefoot.chart.runs import losses_chart as losses_chart
