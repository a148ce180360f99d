-- Why: a region keeps what the change feed tells it in tables that its requests read, lets nobody erased back in, and
-- counts what its organizations use.

-- Filled from the feed alone. No foreign keys: entries come in any order between entities.
CREATE TABLE user_account (
  id uuid NOT NULL,
  name text NOT NULL,
  email text,
  status text NOT NULL,
  CONSTRAINT user_account_pkey PRIMARY KEY (id),
  CONSTRAINT user_account_status CHECK (status IN ('active', 'disabled'))
);

CREATE TABLE membership (
  id uuid NOT NULL,
  org_id uuid NOT NULL,
  user_id uuid NOT NULL,
  role text NOT NULL,
  status text NOT NULL,
  display_name text,
  version integer NOT NULL,
  CONSTRAINT membership_pkey PRIMARY KEY (id),
  CONSTRAINT membership_role CHECK (role IN ('manager', 'member', 'viewer')),
  CONSTRAINT membership_status CHECK (status IN ('active', 'suspended'))
);
CREATE INDEX membership_org_id_id_idx ON membership (org_id, id);
CREATE INDEX membership_user_id_org_id_idx ON membership (user_id, org_id);

CREATE TABLE organization (
  id uuid NOT NULL,
  slug text NOT NULL,
  name text NOT NULL,
  status text NOT NULL,
  subscription_tier text NOT NULL,
  settings jsonb NOT NULL,
  CONSTRAINT organization_pkey PRIMARY KEY (id),
  CONSTRAINT organization_status CHECK (status IN ('active', 'maintenance', 'suspended', 'deleted'))
);

CREATE TABLE entitlement (
  org_id uuid NOT NULL,
  modules text[] NOT NULL,
  CONSTRAINT entitlement_pkey PRIMARY KEY (org_id)
);

CREATE TABLE organization_domain (
  id uuid NOT NULL,
  org_id uuid NOT NULL,
  domain text NOT NULL,
  status text NOT NULL,
  is_primary boolean NOT NULL,
  CONSTRAINT organization_domain_pkey PRIMARY KEY (id)
);
CREATE INDEX organization_domain_org_id_idx ON organization_domain (org_id);

CREATE TABLE client (
  id text NOT NULL,
  allowed_origins text[] NOT NULL,
  CONSTRAINT client_pkey PRIMARY KEY (id)
);

-- Members whom the feed has not told of yet, as their token has them.
CREATE TABLE provisional_membership (
  id uuid NOT NULL,
  org_id uuid NOT NULL,
  user_id uuid NOT NULL,
  role text NOT NULL,
  version integer NOT NULL,
  -- The newest token's.
  issued_at timestamptz(3) NOT NULL,
  first_seen_at timestamptz(3) NOT NULL,
  -- When the feed was first known to its end after that.
  caught_up_at timestamptz(3),
  -- The feed did not confirm it: tokens up to issued_at are refused.
  dropped_at timestamptz(3),
  CONSTRAINT provisional_membership_pkey PRIMARY KEY (id)
);

-- What was applied, a row a transaction, for all processes of this region: the rows rise in the order of commits.
CREATE TABLE replica_news (
  applied bigint NOT NULL,
  kinds text[] NOT NULL,
  memberships uuid[] NOT NULL,
  organizations uuid[] NOT NULL,
  CONSTRAINT replica_news_pkey PRIMARY KEY (applied)
);

-- Of one UTC day; told: as the centre was told last.
CREATE TABLE usage_daily (
  org_id uuid NOT NULL,
  day date NOT NULL,
  requests bigint NOT NULL,
  refused bigint NOT NULL,
  told_requests bigint NOT NULL DEFAULT 0,
  told_refused bigint NOT NULL DEFAULT 0,
  CONSTRAINT usage_daily_pkey PRIMARY KEY (org_id, day)
);
CREATE INDEX usage_daily_day_idx ON usage_daily (day);
CREATE INDEX usage_daily_untold_idx ON usage_daily (day, org_id) WHERE requests > told_requests OR refused > told_refused;

-- How many people and records each organization had when the centre was told last.
CREATE TABLE tenant_count (
  org_id uuid NOT NULL,
  members integer NOT NULL,
  records bigint NOT NULL,
  CONSTRAINT tenant_count_pkey PRIMARY KEY (org_id)
);

-- Which process is at an order of the centre's, and how far it has come.
CREATE TABLE order_lease (
  order_id uuid NOT NULL,
  holder uuid NOT NULL,
  -- Of replica_place when the order was taken: a later one has joined the feed anew since.
  generation bigint NOT NULL,
  done bigint NOT NULL,
  renewed_at timestamptz(3) NOT NULL,
  CONSTRAINT order_lease_pkey PRIMARY KEY (order_id)
);

-- Tenants read what is their own, and write none of it. Not forced: the service itself reads and writes all of them.
ALTER TABLE user_account ENABLE ROW LEVEL SECURITY;
ALTER TABLE membership ENABLE ROW LEVEL SECURITY;
ALTER TABLE organization ENABLE ROW LEVEL SECURITY;
ALTER TABLE entitlement ENABLE ROW LEVEL SECURITY;
ALTER TABLE organization_domain ENABLE ROW LEVEL SECURITY;
ALTER TABLE provisional_membership ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage_daily ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_count ENABLE ROW LEVEL SECURITY;
CREATE POLICY membership_of_org ON membership FOR SELECT TO meridian_tenant
  USING (org_id = nullif(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY user_account_of_org ON user_account FOR SELECT TO meridian_tenant
  USING (EXISTS (SELECT FROM membership m WHERE m.user_id = user_account.id
    AND m.org_id = nullif(current_setting('app.org_id', true), '')::uuid));
CREATE POLICY organization_of_org ON organization FOR SELECT TO meridian_tenant
  USING (id = nullif(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY entitlement_of_org ON entitlement FOR SELECT TO meridian_tenant
  USING (org_id = nullif(current_setting('app.org_id', true), '')::uuid);
CREATE POLICY organization_domain_of_org ON organization_domain FOR SELECT TO meridian_tenant
  USING (org_id = nullif(current_setting('app.org_id', true), '')::uuid);
GRANT SELECT ON user_account, membership, organization, entitlement, organization_domain TO meridian_tenant;

-- Whoever was erased stays out, whatever the feed tells. Applying and erasing take turns, so that none of what is being
-- applied comes after an erasure that did not see it.
CREATE FUNCTION take_turns_on_replica() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('meridian_replica'));
  RETURN NULL;
END $$;
CREATE TRIGGER replica_entity_takes_turns BEFORE INSERT OR UPDATE OR DELETE ON replica_entity
  FOR EACH STATEMENT EXECUTE FUNCTION take_turns_on_replica();

CREATE FUNCTION uuid_or_null(said text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN said ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN said::uuid END
$$;
CREATE FUNCTION keep_erased_out() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  person uuid := uuid_or_null(CASE WHEN NEW.kind = 'user' THEN NEW.id ELSE NEW.state ->> 'user_id' END);
  organization uuid := uuid_or_null(
    CASE WHEN NEW.kind IN ('organization', 'entitlements') THEN NEW.id ELSE NEW.state ->> 'org_id' END);
BEGIN
  IF EXISTS (SELECT FROM erased_subject e WHERE e.kind = 'user' AND e.subject_id = person)
    OR EXISTS (SELECT FROM erased_subject e WHERE e.kind = 'organization' AND e.subject_id = organization) THEN
    NEW.state := NULL;
    NEW.gone_at := clock_timestamp();
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER replica_entity_keeps_erased_out BEFORE INSERT OR UPDATE ON replica_entity
  FOR EACH ROW WHEN (NEW.state IS NOT NULL) EXECUTE FUNCTION keep_erased_out();
