-- Why: a browser signs in once for several clients, people see and end their sessions, addresses change, clients
-- prove themselves by signatures, keys have a life cycle, and a device that is known has budgets of its own.

-- When a code that was mailed to this very address last came back first. Null: nobody has proved it yet.
ALTER TABLE user_account ADD COLUMN email_verified_at timestamptz(6);

CREATE FUNCTION unprove_changed_email() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.email IS DISTINCT FROM OLD.email AND NEW.email_verified_at IS NOT DISTINCT FROM OLD.email_verified_at THEN
    NEW.email_verified_at := NULL;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER user_account_unprove_changed_email BEFORE UPDATE OF email ON user_account
  FOR EACH ROW EXECUTE FUNCTION unprove_changed_email();

-- A sign-in at the identity host, which every client in that browser shares. The cookie's secret is kept as a hash.
CREATE TABLE sign_on_session (
  id uuid NOT NULL,
  user_id uuid NOT NULL,
  secret_hash bytea NOT NULL,
  auth_time timestamptz(6) NOT NULL,
  amr text[] NOT NULL,
  ip text NOT NULL,
  user_agent text NOT NULL,
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  last_used_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  idle_seconds integer NOT NULL,
  idle_expires_at timestamptz(6) NOT NULL,
  absolute_expires_at timestamptz(6) NOT NULL,
  revoked_at timestamptz(6),
  revoked_reason text,
  CONSTRAINT sign_on_session_pkey PRIMARY KEY (id),
  CONSTRAINT sign_on_session_user_id_fkey FOREIGN KEY (user_id) REFERENCES user_account (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT sign_on_session_idle CHECK (idle_seconds > 0 AND idle_expires_at <= absolute_expires_at),
  CONSTRAINT sign_on_session_revoked CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
);
CREATE UNIQUE INDEX sign_on_session_secret_hash_key ON sign_on_session (secret_hash);
CREATE INDEX sign_on_session_user_id_idx ON sign_on_session (user_id);
CREATE INDEX sign_on_session_absolute_expires_at_idx ON sign_on_session (absolute_expires_at);

ALTER TABLE session ADD COLUMN sign_on_id uuid;
ALTER TABLE session ADD CONSTRAINT session_sign_on_id_fkey
  FOREIGN KEY (sign_on_id) REFERENCES sign_on_session (id) ON DELETE SET NULL ON UPDATE RESTRICT;
CREATE INDEX session_sign_on_id_idx ON session (sign_on_id);
-- A client that comes back to the same sign-on continues its session.
CREATE UNIQUE INDEX session_one_live_of_sign_on ON session (sign_on_id, client_id)
  WHERE revoked_at IS NULL AND sign_on_id IS NOT NULL;

-- Where a session has acted: one row a context, written with its first token.
CREATE TABLE session_context (
  session_id uuid NOT NULL,
  org_id uuid NOT NULL,
  region text NOT NULL,
  first_used_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  CONSTRAINT session_context_pkey PRIMARY KEY (session_id, org_id, region),
  CONSTRAINT session_context_session_id_fkey FOREIGN KEY (session_id) REFERENCES session (id) ON DELETE CASCADE ON UPDATE RESTRICT
);

ALTER TABLE client ADD COLUMN post_logout_redirect_uris text[] NOT NULL DEFAULT '{}';
-- The public keys (RFC 7517) of a client that authenticates by private_key_jwt.
ALTER TABLE client ADD COLUMN jwks jsonb;
ALTER TABLE client ADD COLUMN source text NOT NULL DEFAULT 'configuration';
ALTER TABLE client ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE client ADD COLUMN created_at timestamptz(6) NOT NULL DEFAULT meridian_now();
ALTER TABLE client ADD CONSTRAINT client_source CHECK (source IN ('configuration', 'api'));
ALTER TABLE client DROP CONSTRAINT client_auth_method;
ALTER TABLE client ADD CONSTRAINT client_auth_method
  CHECK (auth_method IN ('none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'));
ALTER TABLE client DROP CONSTRAINT client_secret;
ALTER TABLE client ADD CONSTRAINT client_secret
  CHECK ((auth_method IN ('client_secret_basic', 'client_secret_post')) = (secret_hash IS NOT NULL));
ALTER TABLE client ADD CONSTRAINT client_jwks CHECK ((auth_method = 'private_key_jwt') = (jwks IS NOT NULL));

-- The `jti` of each client assertion (RFC 7523 §3) until it expires: none is taken twice.
CREATE TABLE client_assertion (
  client_id text NOT NULL,
  jti_hash bytea NOT NULL,
  expires_at timestamptz(6) NOT NULL,
  CONSTRAINT client_assertion_pkey PRIMARY KEY (client_id, jti_hash)
);
CREATE INDEX client_assertion_expires_at_idx ON client_assertion (expires_at);

-- What a sign-in page must know to go on, sealed: no address of a stranger stands in clear.
ALTER TABLE otp_challenge ADD COLUMN interaction bytea;
-- The device whose budget this challenge uses; empty: that of strangers.
ALTER TABLE otp_challenge ADD COLUMN device_hash bytea NOT NULL DEFAULT '\x'::bytea;
ALTER TABLE otp_challenge DROP CONSTRAINT otp_challenge_purpose;
ALTER TABLE otp_challenge ADD CONSTRAINT otp_challenge_purpose
  CHECK (purpose IN ('sign_in', 'email_change', 'email_change_stop'));

-- A device that has signed in for a contact has a budget of its own there, which no stranger can spend.
CREATE TABLE known_device (
  device_hash bytea NOT NULL,
  contact_mac bytea NOT NULL,
  used_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  CONSTRAINT known_device_pkey PRIMARY KEY (device_hash, contact_mac)
);
CREATE INDEX known_device_used_at_idx ON known_device (used_at);
ALTER TABLE contact_budget ADD COLUMN device_hash bytea NOT NULL DEFAULT '\x'::bytea;
ALTER TABLE contact_budget DROP CONSTRAINT contact_budget_pkey;
ALTER TABLE contact_budget ADD CONSTRAINT contact_budget_pkey PRIMARY KEY (contact_mac, purpose, device_hash);

-- A change of address: asked for, proved by a code to the new address, and stopped or undone from the old one.
CREATE TABLE email_change (
  id uuid NOT NULL,
  user_id uuid NOT NULL,
  session_id uuid NOT NULL,
  old_email text NOT NULL,
  new_email text NOT NULL,
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  expires_at timestamptz(6) NOT NULL,
  committed_at timestamptz(6),
  undo_until timestamptz(6),
  stopped_at timestamptz(6),
  CONSTRAINT email_change_pkey PRIMARY KEY (id),
  CONSTRAINT email_change_user_id_fkey FOREIGN KEY (user_id) REFERENCES user_account (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT email_change_undo CHECK ((committed_at IS NULL) = (undo_until IS NULL))
);
CREATE INDEX email_change_user_id_idx ON email_change (user_id);
CREATE INDEX email_change_old_email_idx ON email_change (old_email);
CREATE INDEX email_change_created_at_idx ON email_change (created_at);

ALTER TABLE signing_key ADD COLUMN retiring_at timestamptz(6);
ALTER TABLE signing_key ADD COLUMN retired_at timestamptz(6);
ALTER TABLE signing_key ADD COLUMN compromised boolean NOT NULL DEFAULT false;
-- A retired key's private half is erased.
ALTER TABLE signing_key ALTER COLUMN sealed_private_key DROP NOT NULL;
ALTER TABLE signing_key ADD CONSTRAINT signing_key_private
  CHECK ((sealed_private_key IS NULL) = (status = 'retired'));

-- Which keys a region has said that it holds.
CREATE TABLE region_key_report (
  region text NOT NULL,
  kid text NOT NULL,
  fetched_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  CONSTRAINT region_key_report_pkey PRIMARY KEY (region, kid),
  CONSTRAINT region_key_report_region_fkey FOREIGN KEY (region) REFERENCES region (code) ON DELETE CASCADE ON UPDATE RESTRICT
);
