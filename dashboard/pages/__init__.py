"""The pages, one module each; every module has a blueprint called `routes`."""

from dashboard.pages import (
    audit,
    checks,
    closings,
    exceptions,
    funnels,
    imports,
    members,
    payments,
    people_at_the_fund,
    profile,
    queues,
    reviews,
    signing_in,
    suspense,
    today,
    working,
)

ALL_PAGES = (
    signing_in.routes,
    today.routes,
    exceptions.routes,
    working.routes,
    suspense.routes,
    checks.routes,
    imports.routes,
    closings.routes,
    payments.routes,
    members.routes,
    reviews.routes,
    funnels.routes,
    queues.routes,
    audit.routes,
    people_at_the_fund.routes,
    profile.routes,
)
