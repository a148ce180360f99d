-- Why: the first shape of a region: records of organizations behind row-level security, and what it holds of the centre.

-- Roles belong to the whole cluster, and other databases of it may be migrating at this moment.
DO $$
BEGIN
  CREATE ROLE meridian_tenant NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION;
EXCEPTION
  WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

-- The service enters that role in each transaction: granted here unless it already may (a superuser, or an operator
-- has seen to it). XX000: another session granted it at this moment.
DO $$
DECLARE
  before text := current_setting('role');
BEGIN
  PERFORM set_config('role', 'meridian_tenant', true);
  PERFORM set_config('role', before, true);
EXCEPTION
  WHEN insufficient_privilege THEN
    BEGIN
      GRANT meridian_tenant TO CURRENT_USER;
    EXCEPTION
      WHEN unique_violation OR internal_error THEN NULL;
    END;
END
$$;

DO $$
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO meridian_tenant', current_schema());
END
$$;

CREATE TABLE record (
  id uuid NOT NULL,
  org_id uuid NOT NULL,
  title text NOT NULL,
  body text NOT NULL,
  version integer NOT NULL DEFAULT 1,
  created_by uuid NOT NULL,
  created_at timestamptz(3) NOT NULL,
  updated_at timestamptz(3) NOT NULL,
  CONSTRAINT record_pkey PRIMARY KEY (id),
  CONSTRAINT record_title CHECK (char_length(title) BETWEEN 1 AND 200),
  CONSTRAINT record_body CHECK (char_length(body) <= 100000),
  CONSTRAINT record_version CHECK (version >= 1)
);
CREATE INDEX record_org_id_id_idx ON record (org_id, id DESC);

-- One row of an organization that does not exist: whoever sees it from another one has got past the policies.
CREATE TABLE isolation_probe (
  org_id uuid NOT NULL,
  CONSTRAINT isolation_probe_pkey PRIMARY KEY (org_id)
);
INSERT INTO isolation_probe (org_id) VALUES ('00000000-0000-7000-8000-000000000001');

-- The issuer's public keys, last known good.
CREATE TABLE verification_key (
  kid text NOT NULL,
  jwk jsonb NOT NULL,
  withdrawn_at timestamptz(3),
  CONSTRAINT verification_key_pkey PRIMARY KEY (kid)
);

-- Which organization a host belongs to, as the centre last told.
CREATE TABLE host_map (
  id boolean NOT NULL DEFAULT true,
  map jsonb NOT NULL,
  loaded_at timestamptz(3) NOT NULL,
  CONSTRAINT host_map_pkey PRIMARY KEY (id),
  CONSTRAINT host_map_single_row CHECK (id)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON record TO meridian_tenant;
GRANT SELECT ON isolation_probe TO meridian_tenant;

-- After the first SET LOCAL a pooled connection's setting is '' and not NULL: both mean no organization.
ALTER TABLE record ENABLE ROW LEVEL SECURITY;
ALTER TABLE record FORCE ROW LEVEL SECURITY;
CREATE POLICY record_of_org ON record
  USING (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
  WITH CHECK (org_id = nullif(current_setting('app.org_id', true), '')::uuid);

ALTER TABLE isolation_probe ENABLE ROW LEVEL SECURITY;
ALTER TABLE isolation_probe FORCE ROW LEVEL SECURITY;
CREATE POLICY isolation_probe_of_org ON isolation_probe
  USING (org_id = nullif(current_setting('app.org_id', true), '')::uuid)
  WITH CHECK (org_id = nullif(current_setting('app.org_id', true), '')::uuid);
