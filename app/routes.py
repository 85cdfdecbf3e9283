"""Every address of the site, by feature."""

from app.benchmarks import pages as benchmarks
from app.calculator import api as estimates
from app.calculator import pages as calculator
from app.catalog import pages as catalog
from app.models import pages as models
from app.policies import pages as policy_pages
from app.pricing import changes_pages, compare, data
from app.pricing import pages as pricing
from app.privacy import pages as privacy_pages
from app.site import machines
from app.site import pages as site
from app.submissions import manage as own_reports
from app.submissions import pages as reports
from app.telemetry import beacon

HANDLERS = [
    site.home,
    site.status,
    pricing.prices,
    pricing.table,
    data.prices_csv,
    data.prices_json,
    compare.compare,
    changes_pages.page,
    changes_pages.feed,
    catalog.gpu_list,
    catalog.gpu_page,
    catalog.provider_list,
    catalog.provider_page,
    models.model_list,
    models.model_page,
    benchmarks.benchmarks,
    benchmarks.methodology,
    estimates.estimate,
    calculator.calculator,
    calculator.sheet_json,
    calculator.model_hardware,
    policy_pages.policy_list,
    policy_pages.policy_feed,
    policy_pages.policy_page,
    policy_pages.policy_version,
    policy_pages.policy_changes,
    policy_pages.privacy,
    reports.submit,
    reports.form,
    reports.send,
    own_reports.submissions,
    own_reports.manage,
    privacy_pages.rights,
    privacy_pages.clear,
    machines.healthz,
    machines.readyz,
    machines.robots,
    machines.sitemap,
    machines.security_txt,
    machines.gpc,
    machines.favicon,
    machines.home_preview,
    machines.gpu_preview,
    machines.provider_preview,
    machines.api,
    machines.openapi,
    beacon.beacon,
]
