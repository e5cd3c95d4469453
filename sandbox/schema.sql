-- Everything the sandbox remembers. Money is integer cents, instants are Unix seconds UTC.

CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, part TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    query TEXT NOT NULL, body TEXT NOT NULL, status INTEGER, note TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS requests_by_part ON requests (part, id);

CREATE TABLE IF NOT EXISTS faults (part TEXT PRIMARY KEY, spec TEXT NOT NULL, draws INTEGER NOT NULL DEFAULT 0);

CREATE TABLE IF NOT EXISTS tokens (service TEXT PRIMARY KEY, token TEXT NOT NULL, expires_at REAL NOT NULL);

CREATE TABLE IF NOT EXISTS registry_tokens (
    token TEXT PRIMARY KEY, service TEXT NOT NULL, expires_at REAL NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS agenda (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, payload TEXT NOT NULL, due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS agenda_by_due ON agenda (due_at);

CREATE TABLE IF NOT EXISTS callbacks (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, part TEXT NOT NULL, subject TEXT NOT NULL, url TEXT NOT NULL,
    body TEXT NOT NULL, status INTEGER, error TEXT NOT NULL DEFAULT '');

CREATE TABLE IF NOT EXISTS wallets (msisdn TEXT PRIMARY KEY, balance_cents INTEGER NOT NULL, name TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS prompts (
    checkout_id TEXT PRIMARY KEY, merchant_id TEXT NOT NULL, msisdn TEXT NOT NULL, amount_cents INTEGER NOT NULL,
    shortcode TEXT NOT NULL, account TEXT NOT NULL, kind TEXT NOT NULL, callback_url TEXT NOT NULL,
    fault TEXT NOT NULL, opened_at REAL NOT NULL, expires_at REAL NOT NULL,
    result_code TEXT, receipt TEXT);
CREATE INDEX IF NOT EXISTS prompts_open ON prompts (msisdn) WHERE result_code IS NULL;

CREATE TABLE IF NOT EXISTS payments (
    id INTEGER PRIMARY KEY, receipt TEXT NOT NULL, kind TEXT NOT NULL, shortcode TEXT NOT NULL,
    msisdn TEXT NOT NULL, name TEXT NOT NULL, account TEXT NOT NULL, amount_cents INTEGER NOT NULL,
    balance_cents INTEGER NOT NULL, started_at REAL NOT NULL, completed_at REAL NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS payments_once ON payments (receipt, kind);
CREATE INDEX IF NOT EXISTS payments_by_time ON payments (completed_at);

CREATE TABLE IF NOT EXISTS c2b_urls (
    shortcode TEXT PRIMARY KEY, version TEXT NOT NULL, response_type TEXT NOT NULL,
    confirmation_url TEXT NOT NULL, validation_url TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS pull_registrations (shortcode TEXT PRIMARY KEY, nominated TEXT NOT NULL, url TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS payouts (
    originator_id TEXT PRIMARY KEY, conversation_id TEXT NOT NULL, msisdn TEXT NOT NULL,
    amount_cents INTEGER NOT NULL, result_url TEXT NOT NULL, timeout_url TEXT NOT NULL, fault TEXT NOT NULL,
    authorised INTEGER NOT NULL, at REAL NOT NULL, result_code TEXT, receipt TEXT);

CREATE TABLE IF NOT EXISTS sms (
    id INTEGER PRIMARY KEY, message_id TEXT NOT NULL, direction TEXT NOT NULL, phone TEXT NOT NULL,
    other TEXT NOT NULL, text TEXT NOT NULL, at REAL NOT NULL, visible_at REAL NOT NULL, status TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS sms_by_phone ON sms (phone, id);

CREATE TABLE IF NOT EXISTS dialogues (
    session_id TEXT PRIMARY KEY, msisdn TEXT NOT NULL, dialled TEXT NOT NULL, text TEXT NOT NULL,
    screen TEXT NOT NULL, state TEXT NOT NULL, started_at REAL NOT NULL, moved_at REAL NOT NULL,
    hops INTEGER NOT NULL, error TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS dialogues_by_phone ON dialogues (msisdn, started_at);

CREATE TABLE IF NOT EXISTS civil_subscriptions (
    code TEXT PRIMARY KEY, person TEXT NOT NULL, event TEXT NOT NULL, url TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS civil_subscriptions_by_person ON civil_subscriptions (person, event);
CREATE TABLE IF NOT EXISTS civil_deaths (id TEXT PRIMARY KEY, day TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS contributions (
    id INTEGER PRIMARY KEY, sender_id TEXT NOT NULL, transaction_id TEXT NOT NULL, reference_id TEXT NOT NULL,
    correlation_id TEXT NOT NULL, received_at REAL NOT NULL, deliveries INTEGER NOT NULL DEFAULT 1,
    record TEXT NOT NULL, UNIQUE (sender_id, transaction_id, reference_id));
CREATE INDEX IF NOT EXISTS contributions_by_reference ON contributions (reference_id);
CREATE INDEX IF NOT EXISTS contributions_by_transaction ON contributions (transaction_id);

-- Who is enrolled in which programme, one row for each identifier of a membership.
CREATE TABLE IF NOT EXISTS enrolments (
    sender_id TEXT NOT NULL, programme TEXT NOT NULL, membership TEXT NOT NULL, identifier_type TEXT NOT NULL,
    identifier_value TEXT NOT NULL, status TEXT NOT NULL, enrolled_on TEXT NOT NULL, transaction_id TEXT NOT NULL,
    updates INTEGER NOT NULL DEFAULT 1, deliveries INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (sender_id, programme, membership, identifier_type, identifier_value)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS enrolments_by_identifier ON enrolments (identifier_type, identifier_value);

-- Wallets other than M-Pesa: their prompts, what their customers hold, and the organisation's account with each.
CREATE TABLE IF NOT EXISTS collections (
    provider TEXT NOT NULL, id TEXT NOT NULL, external_id TEXT NOT NULL, msisdn TEXT NOT NULL, amount_cents INTEGER NOT NULL,
    currency TEXT NOT NULL, reference TEXT NOT NULL, note TEXT NOT NULL, callback_url TEXT NOT NULL,
    fault TEXT NOT NULL, opened_at REAL NOT NULL, expires_at REAL NOT NULL, outcome TEXT, receipt TEXT,
    PRIMARY KEY (provider, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS collections_open ON collections (msisdn, opened_at) WHERE outcome IS NULL;

CREATE TABLE IF NOT EXISTS purses (
    provider TEXT NOT NULL, msisdn TEXT NOT NULL, balance_cents INTEGER NOT NULL,
    PRIMARY KEY (provider, msisdn)) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS collected (
    id INTEGER PRIMARY KEY, provider TEXT NOT NULL, receipt TEXT NOT NULL, msisdn TEXT NOT NULL, name TEXT NOT NULL,
    reference TEXT NOT NULL, external_id TEXT NOT NULL, amount_cents INTEGER NOT NULL, charge_cents INTEGER NOT NULL,
    currency TEXT NOT NULL, balance_cents INTEGER NOT NULL, completed_at REAL NOT NULL, UNIQUE (provider, receipt));
CREATE INDEX IF NOT EXISTS collected_by_time ON collected (provider, completed_at);

CREATE TABLE IF NOT EXISTS sims (msisdn TEXT PRIMARY KEY, network_code TEXT NOT NULL) WITHOUT ROWID;
