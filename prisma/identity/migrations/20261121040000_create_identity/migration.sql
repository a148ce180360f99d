-- Why: the first shape of the identity service: people, organizations, memberships, sessions, one-time things.

-- The one clock that decides expiry. A test replaces this function in its own database to move time.
CREATE FUNCTION meridian_now() RETURNS timestamptz
  LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT statement_timestamp()';

-- Raised by `meridian restored` after a restore from backup: refresh tokens of an older epoch end quietly.
CREATE TABLE deployment (
  id boolean NOT NULL DEFAULT true,
  epoch bigint NOT NULL DEFAULT 1,
  CONSTRAINT deployment_pkey PRIMARY KEY (id),
  CONSTRAINT deployment_single_row CHECK (id)
);
INSERT INTO deployment DEFAULT VALUES;

CREATE TABLE user_account (
  id uuid NOT NULL,
  email text,
  phone text,
  name text NOT NULL,
  status text NOT NULL DEFAULT 'active',
  platform_role text,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  CONSTRAINT user_account_pkey PRIMARY KEY (id),
  CONSTRAINT user_account_status CHECK (status IN ('active', 'disabled', 'deleted')),
  CONSTRAINT user_account_platform_role CHECK (platform_role IN ('sys_admin')),
  CONSTRAINT user_account_phone CHECK (phone ~ '^\+[1-9][0-9]{6,14}$'),
  CONSTRAINT user_account_contact CHECK (status = 'deleted' OR email IS NOT NULL OR phone IS NOT NULL)
);
CREATE UNIQUE INDEX user_account_email_key ON user_account (email);
CREATE UNIQUE INDEX user_account_phone_key ON user_account (phone);

CREATE TABLE region (
  code text NOT NULL,
  name text NOT NULL,
  api_url text NOT NULL,
  host_suffix text NOT NULL,
  status text NOT NULL DEFAULT 'active',
  last_seen timestamptz(6),
  CONSTRAINT region_pkey PRIMARY KEY (code),
  CONSTRAINT region_status CHECK (status IN ('active', 'withdrawn'))
);
CREATE UNIQUE INDEX region_api_url_key ON region (api_url);

CREATE TABLE organization (
  id uuid NOT NULL,
  slug text NOT NULL,
  name text NOT NULL,
  primary_contact_name text NOT NULL,
  primary_contact_email text NOT NULL,
  subscription_tier text NOT NULL DEFAULT 'standard',
  status text NOT NULL DEFAULT 'active',
  delete_after timestamptz(6),
  settings jsonb NOT NULL DEFAULT '{}',
  data_placement text,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  CONSTRAINT organization_pkey PRIMARY KEY (id),
  CONSTRAINT organization_status CHECK (status IN ('active', 'maintenance', 'suspended', 'deleted')),
  CONSTRAINT organization_tier CHECK (subscription_tier IN ('free', 'standard', 'premium'))
);
CREATE UNIQUE INDEX organization_slug_key ON organization (slug);

CREATE TABLE organization_region (
  org_id uuid NOT NULL,
  region text NOT NULL,
  status text NOT NULL DEFAULT 'active',
  version integer NOT NULL DEFAULT 1,
  CONSTRAINT organization_region_pkey PRIMARY KEY (org_id, region),
  CONSTRAINT organization_region_org_id_fkey FOREIGN KEY (org_id) REFERENCES organization (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT organization_region_region_fkey FOREIGN KEY (region) REFERENCES region (code) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT organization_region_status CHECK (status IN ('active', 'withdrawn'))
);
CREATE INDEX organization_region_region_idx ON organization_region (region);

CREATE TABLE membership (
  id uuid NOT NULL,
  user_id uuid NOT NULL,
  org_id uuid NOT NULL,
  region text NOT NULL,
  role text NOT NULL DEFAULT 'member',
  display_name text,
  status text NOT NULL DEFAULT 'active',
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  CONSTRAINT membership_pkey PRIMARY KEY (id),
  CONSTRAINT membership_user_id_fkey FOREIGN KEY (user_id) REFERENCES user_account (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT membership_org_id_region_fkey FOREIGN KEY (org_id, region) REFERENCES organization_region (org_id, region) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT membership_role CHECK (role IN ('manager', 'member', 'viewer')),
  CONSTRAINT membership_status CHECK (status IN ('active', 'suspended', 'removed'))
);
CREATE UNIQUE INDEX membership_user_id_org_id_region_key ON membership (user_id, org_id, region);
CREATE INDEX membership_org_id_region_idx ON membership (org_id, region);

-- A sys-admin is outside every organization. Both sides lock the person's row, so that an appointment and a
-- membership that are written at the same moment cannot both get through.
CREATE FUNCTION refuse_membership_of_sys_admin() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  held text;
BEGIN
  SELECT platform_role INTO held FROM user_account WHERE id = NEW.user_id FOR NO KEY UPDATE;
  IF held IS NOT NULL AND NEW.status <> 'removed' THEN
    RAISE EXCEPTION 'a sys-admin can hold no membership'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'membership_not_of_sys_admin';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER membership_not_of_sys_admin BEFORE INSERT OR UPDATE ON membership
  FOR EACH ROW EXECUTE FUNCTION refuse_membership_of_sys_admin();

CREATE FUNCTION refuse_sys_admin_with_membership() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM membership WHERE user_id = NEW.id AND status <> 'removed') THEN
    RAISE EXCEPTION 'a person with a membership cannot become sys-admin'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'membership_not_of_sys_admin';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER sys_admin_without_membership AFTER UPDATE OF platform_role ON user_account
  FOR EACH ROW WHEN (NEW.platform_role IS NOT NULL) EXECUTE FUNCTION refuse_sys_admin_with_membership();

CREATE TABLE client (
  id text NOT NULL,
  name text NOT NULL,
  first_party boolean NOT NULL DEFAULT false,
  browser boolean NOT NULL DEFAULT false,
  auth_method text NOT NULL,
  secret_hash bytea,
  redirect_uris text[] NOT NULL DEFAULT '{}',
  allowed_origins text[] NOT NULL DEFAULT '{}',
  account_token boolean NOT NULL DEFAULT false,
  allowed_resources text[] NOT NULL DEFAULT '{}',
  grant_types text[] NOT NULL DEFAULT '{}',
  scopes text[] NOT NULL DEFAULT '{}',
  refresh_transport text NOT NULL DEFAULT 'body',
  id_token_alg text NOT NULL DEFAULT 'RS256',
  region text,
  status text NOT NULL DEFAULT 'active',
  CONSTRAINT client_pkey PRIMARY KEY (id),
  CONSTRAINT client_region_fkey FOREIGN KEY (region) REFERENCES region (code) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT client_auth_method CHECK (auth_method IN ('none', 'client_secret_basic', 'client_secret_post')),
  CONSTRAINT client_secret CHECK ((auth_method = 'none') = (secret_hash IS NULL)),
  CONSTRAINT client_refresh_transport CHECK (refresh_transport IN ('body', 'cookie')),
  CONSTRAINT client_id_token_alg CHECK (id_token_alg IN ('ES256', 'RS256')),
  CONSTRAINT client_region_narrow CHECK (region IS NULL OR NOT account_token),
  CONSTRAINT client_status CHECK (status IN ('active', 'deleted'))
);

CREATE TABLE client_context (
  user_id uuid NOT NULL,
  client_id text NOT NULL,
  org_id uuid NOT NULL,
  region text NOT NULL,
  used_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  CONSTRAINT client_context_pkey PRIMARY KEY (user_id, client_id),
  CONSTRAINT client_context_user_id_fkey FOREIGN KEY (user_id) REFERENCES user_account (id) ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT client_context_client_id_fkey FOREIGN KEY (client_id) REFERENCES client (id) ON DELETE CASCADE ON UPDATE RESTRICT
);

CREATE TABLE session (
  id uuid NOT NULL,
  user_id uuid NOT NULL,
  client_id text NOT NULL,
  auth_time timestamptz(6) NOT NULL,
  amr text[] NOT NULL,
  ip text NOT NULL,
  user_agent text NOT NULL,
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  revoked_at timestamptz(6),
  revoked_reason text,
  CONSTRAINT session_pkey PRIMARY KEY (id),
  CONSTRAINT session_user_id_fkey FOREIGN KEY (user_id) REFERENCES user_account (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT session_client_id_fkey FOREIGN KEY (client_id) REFERENCES client (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT session_revoked CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
);
CREATE INDEX session_user_id_idx ON session (user_id);
CREATE INDEX session_created_at_idx ON session (created_at);

CREATE TABLE authorization_code (
  id uuid NOT NULL,
  client_id text NOT NULL,
  session_id uuid NOT NULL,
  code_challenge text NOT NULL,
  redirect_uri text,
  nonce text,
  scope text NOT NULL,
  resource text,
  org_id uuid,
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  expires_at timestamptz(6) NOT NULL,
  consumed_at timestamptz(6),
  retry_key_hash bytea,
  CONSTRAINT authorization_code_pkey PRIMARY KEY (id),
  CONSTRAINT authorization_code_session_id_fkey FOREIGN KEY (session_id) REFERENCES session (id) ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT authorization_code_challenge CHECK (code_challenge ~ '^[A-Za-z0-9_-]{43}$')
);
CREATE INDEX authorization_code_expires_at_idx ON authorization_code (expires_at);

-- One row a family, updated in place by each rotation: room for HOT updates, no index on what changes.
CREATE TABLE refresh_token_family (
  id uuid NOT NULL,
  session_id uuid NOT NULL,
  client_id text NOT NULL,
  code_id uuid NOT NULL,
  counter integer NOT NULL DEFAULT 0,
  head_key_id text NOT NULL,
  epoch bigint NOT NULL,
  rotated_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  retry_key_hash bytea,
  idle_seconds integer NOT NULL,
  idle_expires_at timestamptz(6) NOT NULL,
  absolute_expires_at timestamptz(6) NOT NULL,
  scope text NOT NULL,
  resource text,
  org_id uuid,
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  revoked_at timestamptz(6),
  revoked_reason text,
  CONSTRAINT refresh_token_family_pkey PRIMARY KEY (id),
  CONSTRAINT refresh_token_family_session_id_fkey FOREIGN KEY (session_id) REFERENCES session (id) ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT refresh_token_family_counter CHECK (counter >= 0),
  CONSTRAINT refresh_token_family_idle CHECK (idle_seconds > 0 AND idle_expires_at <= absolute_expires_at),
  CONSTRAINT refresh_token_family_revoked CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX refresh_token_family_code_id_key ON refresh_token_family (code_id);
CREATE INDEX refresh_token_family_session_id_idx ON refresh_token_family (session_id);
CREATE INDEX refresh_token_family_absolute_expires_at_idx ON refresh_token_family (absolute_expires_at);

CREATE TABLE otp_challenge (
  id uuid NOT NULL,
  auth_session_hash bytea NOT NULL,
  contact_mac bytea NOT NULL,
  purpose text NOT NULL,
  client_id text NOT NULL,
  user_id uuid,
  code_mac bytea NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  code_challenge text NOT NULL,
  scope text NOT NULL,
  resource text,
  org text,
  sent boolean NOT NULL,
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  expires_at timestamptz(6) NOT NULL,
  consumed_at timestamptz(6),
  retry_key_hash bytea,
  code_id uuid,
  CONSTRAINT otp_challenge_pkey PRIMARY KEY (id),
  CONSTRAINT otp_challenge_purpose CHECK (purpose IN ('sign_in')),
  CONSTRAINT otp_challenge_attempts CHECK (attempts BETWEEN 0 AND 5)
);
CREATE UNIQUE INDEX otp_challenge_auth_session_hash_key ON otp_challenge (auth_session_hash);
CREATE INDEX otp_challenge_contact_mac_idx ON otp_challenge (contact_mac);
CREATE INDEX otp_challenge_expires_at_idx ON otp_challenge (expires_at);

-- Budgets belong to the contact, whoever asks and however often: a resend does not renew them. The one challenge
-- whose code was sent last is named here, so that a newer code ends an older one without touching its row.
CREATE TABLE contact_budget (
  contact_mac bytea NOT NULL,
  purpose text NOT NULL,
  sends timestamptz(6)[] NOT NULL,
  last_sent_at timestamptz(6) NOT NULL,
  live_challenge_id uuid NOT NULL,
  failures integer NOT NULL DEFAULT 0,
  CONSTRAINT contact_budget_pkey PRIMARY KEY (contact_mac, purpose)
);
CREATE INDEX contact_budget_last_sent_at_idx ON contact_budget (last_sent_at);

CREATE TABLE signing_key (
  kid text NOT NULL,
  alg text NOT NULL,
  status text NOT NULL,
  public_jwk jsonb NOT NULL,
  sealed_private_key bytea NOT NULL,
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  activated_at timestamptz(6),
  CONSTRAINT signing_key_pkey PRIMARY KEY (kid),
  CONSTRAINT signing_key_alg CHECK (alg IN ('ES256', 'RS256')),
  CONSTRAINT signing_key_status CHECK (status IN ('staged', 'active', 'retiring', 'retired'))
);
CREATE UNIQUE INDEX signing_key_one_active ON signing_key (alg) WHERE status = 'active';

CREATE TABLE revocation (
  seq bigint GENERATED ALWAYS AS IDENTITY,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  kind text NOT NULL,
  subject text NOT NULL,
  version integer,
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  CONSTRAINT revocation_pkey PRIMARY KEY (seq),
  CONSTRAINT revocation_kind CHECK (kind IN ('session', 'membership', 'organization', 'key'))
);
CREATE INDEX revocation_xid_idx ON revocation (xid);

CREATE TABLE mail_outbox (
  id uuid NOT NULL,
  kind text NOT NULL,
  contact_mac bytea NOT NULL,
  sealed_mail bytea,
  status text NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  next_attempt_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  expires_at timestamptz(6) NOT NULL,
  settled_at timestamptz(6),
  last_error text,
  CONSTRAINT mail_outbox_pkey PRIMARY KEY (id),
  CONSTRAINT mail_outbox_status CHECK (status IN ('pending', 'suppressed', 'sent', 'expired', 'failed'))
);
CREATE INDEX mail_outbox_due_idx ON mail_outbox (next_attempt_at) WHERE status = 'pending';
CREATE INDEX mail_outbox_expires_at_idx ON mail_outbox (expires_at);

CREATE TABLE idempotency (
  scope text NOT NULL,
  key_hash bytea NOT NULL,
  request_hash bytea NOT NULL,
  status integer NOT NULL,
  body jsonb NOT NULL,
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  expires_at timestamptz(6) NOT NULL,
  CONSTRAINT idempotency_pkey PRIMARY KEY (scope, key_hash)
);
CREATE INDEX idempotency_expires_at_idx ON idempotency (expires_at);

CREATE TABLE audit_event (
  id uuid NOT NULL,
  at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  kind text NOT NULL,
  outcome text NOT NULL,
  request_id text NOT NULL,
  actor_user_id uuid,
  client_id text,
  session_id uuid,
  org_id uuid,
  region text,
  ip text,
  details jsonb NOT NULL DEFAULT '{}',
  CONSTRAINT audit_event_pkey PRIMARY KEY (id),
  CONSTRAINT audit_event_outcome CHECK (outcome IN ('success', 'refused'))
);
CREATE INDEX audit_event_org_id_at_idx ON audit_event (org_id, at);

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit events are append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE ON audit_event
  FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
