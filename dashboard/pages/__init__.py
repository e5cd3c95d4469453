"""The pages, one module each; every module has a blueprint called `routes`."""

from dashboard.pages import (
    audit,
    exceptions,
    funnels,
    members,
    payments,
    people_at_the_fund,
    profile,
    queues,
    signing_in,
    today,
)

ALL_PAGES = (
    signing_in.routes,
    today.routes,
    exceptions.routes,
    payments.routes,
    members.routes,
    funnels.routes,
    queues.routes,
    audit.routes,
    people_at_the_fund.routes,
    profile.routes,
)
