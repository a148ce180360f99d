-- Why: every region holds what it may see of people, organizations, memberships, licences, domains and client origins,
-- and must hear of each change whoever makes it: triggers write down that something has changed, in the transaction
-- that changes it. What it is now is read when it is told. infra/decisions/0020-change-feed.md

-- What has changed, for which region. The greatest seq of an entity in a region is its revision there: it is taken while
-- the row that the entity stands for is locked, so it rises in the order of commits. That row is kept as long as the
-- entity is to be seen there; older ones are compacted.
CREATE TABLE change (
  region text NOT NULL,
  kind text COLLATE "C" NOT NULL,
  entity_id text COLLATE "C" NOT NULL,
  seq bigint GENERATED ALWAYS AS IDENTITY,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  -- Tells an entry from another one in its place, of a history that a restore has taken back.
  nonce bigint NOT NULL DEFAULT floor(random() * 9007199254740992)::bigint,
  -- It is to be seen there no more.
  gone boolean NOT NULL DEFAULT false,
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  CONSTRAINT change_pkey PRIMARY KEY (region, kind, entity_id, seq),
  CONSTRAINT change_kind CHECK (kind IN ('client', 'domain', 'entitlements', 'membership', 'organization', 'user'))
);
CREATE INDEX change_region_xid_seq_idx ON change (region, xid, seq);
CREATE INDEX change_seq_idx ON change (seq);
CREATE INDEX change_gone_idx ON change (created_at) WHERE gone;

-- Where those who follow stand: the entry that they asked with last and the last one that they were told then. A copy,
-- so that compaction may take the entries themselves.
CREATE TABLE feed_follower (
  region text NOT NULL,
  client_id text NOT NULL,
  asked_xid xid8,
  asked_seq bigint,
  asked_nonce bigint,
  told_xid xid8,
  told_seq bigint,
  told_nonce bigint,
  polled_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  CONSTRAINT feed_follower_pkey PRIMARY KEY (region, client_id),
  CONSTRAINT feed_follower_region_fkey FOREIGN KEY (region) REFERENCES region (code) ON DELETE CASCADE ON UPDATE RESTRICT
);

-- Up to where something that is gone has been forgotten: whoever stands before it may have missed that.
CREATE TABLE feed_horizon (
  region text NOT NULL,
  xid xid8 NOT NULL,
  seq bigint NOT NULL,
  CONSTRAINT feed_horizon_pkey PRIMARY KEY (region),
  CONSTRAINT feed_horizon_region_fkey FOREIGN KEY (region) REFERENCES region (code) ON DELETE CASCADE ON UPDATE RESTRICT
);

-- Up to which seq older entries of the same entity have been compacted.
CREATE TABLE feed_compaction (
  id boolean NOT NULL DEFAULT true,
  seq bigint NOT NULL DEFAULT 0,
  CONSTRAINT feed_compaction_pkey PRIMARY KEY (id),
  CONSTRAINT feed_compaction_single_row CHECK (id)
);
INSERT INTO feed_compaction DEFAULT VALUES;

-- People ---------------------------------------------------------------------------------------------------------------
-- A change of a person goes to the regions of their memberships, and a membership takes the person to its region: each
-- would miss the other if both went at once, so both lock the person's row (a membership in membership_not_of_sys_admin).
CREATE FUNCTION tell_change_of_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO change (region, kind, entity_id)
    SELECT DISTINCT m.region, 'user', NEW.id::text FROM membership m WHERE m.user_id = NEW.id AND m.status <> 'removed';
  RETURN NULL;
END $$;
CREATE TRIGGER user_account_tell_change AFTER UPDATE ON user_account
  FOR EACH ROW WHEN ((OLD.email, OLD.name, OLD.status) IS DISTINCT FROM (NEW.email, NEW.name, NEW.status))
  EXECUTE FUNCTION tell_change_of_user();

CREATE FUNCTION lock_person_of_membership() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM user_account WHERE id = OLD.user_id FOR NO KEY UPDATE;
  RETURN OLD;
END $$;
-- By name before membership_organization_locked: people first.
CREATE TRIGGER membership_deletion_locks_person BEFORE DELETE ON membership
  FOR EACH ROW EXECUTE FUNCTION lock_person_of_membership();

CREATE FUNCTION tell_change_of_membership() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  was_there boolean := TG_OP <> 'INSERT' AND OLD.status <> 'removed';
  is_there boolean := TG_OP <> 'DELETE' AND NEW.status <> 'removed';
  told membership := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
  IF NOT was_there AND NOT is_there THEN
    RETURN NULL;
  END IF;
  INSERT INTO change (region, kind, entity_id, gone) VALUES (told.region, 'membership', told.id::text, NOT is_there);
  IF was_there <> is_there THEN
    INSERT INTO change (region, kind, entity_id, gone) VALUES (told.region, 'user', told.user_id::text,
      NOT EXISTS (SELECT FROM membership m WHERE m.user_id = told.user_id AND m.region = told.region AND m.status <> 'removed'));
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER membership_tell_arrival AFTER INSERT OR DELETE ON membership
  FOR EACH ROW EXECUTE FUNCTION tell_change_of_membership();
CREATE TRIGGER membership_tell_change AFTER UPDATE ON membership
  FOR EACH ROW WHEN ((OLD.role, OLD.status, OLD.display_name) IS DISTINCT FROM (NEW.role, NEW.status, NEW.display_name))
  EXECUTE FUNCTION tell_change_of_membership();

-- Organizations --------------------------------------------------------------------------------------------------------
-- The same with an organization and its regions: both lock the organization's row.
CREATE FUNCTION tell_change_of_organization() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO change (region, kind, entity_id, gone)
    SELECT x.region, k.kind, NEW.id::text, NEW.purged_at IS NOT NULL
    FROM organization_region x, (VALUES ('organization'), ('entitlements')) AS k (kind)
    WHERE x.org_id = NEW.id AND (k.kind = 'organization' OR OLD.purged_at IS DISTINCT FROM NEW.purged_at);
  RETURN NULL;
END $$;
CREATE TRIGGER organization_tell_change AFTER UPDATE ON organization
  FOR EACH ROW WHEN ((OLD.slug, OLD.name, OLD.status, OLD.subscription_tier, OLD.settings, OLD.purged_at)
    IS DISTINCT FROM (NEW.slug, NEW.name, NEW.status, NEW.subscription_tier, NEW.settings, NEW.purged_at))
  EXECUTE FUNCTION tell_change_of_organization();

CREATE FUNCTION lock_organization_of_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM organization WHERE id = CASE WHEN TG_OP = 'DELETE' THEN OLD.org_id ELSE NEW.org_id END FOR NO KEY UPDATE;
  RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER organization_region_organization_locked BEFORE INSERT OR UPDATE OR DELETE ON organization_region
  FOR EACH ROW EXECUTE FUNCTION lock_organization_of_row();
CREATE TRIGGER entitlement_organization_locked BEFORE INSERT OR UPDATE OR DELETE ON entitlement
  FOR EACH ROW EXECUTE FUNCTION lock_organization_of_row();

CREATE FUNCTION tell_change_of_organization_region() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  told organization_region := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
  INSERT INTO change (region, kind, entity_id, gone)
    SELECT told.region, k.kind, told.org_id::text, TG_OP = 'DELETE'
    FROM (VALUES ('organization'), ('entitlements')) AS k (kind);
  RETURN NULL;
END $$;
CREATE TRIGGER organization_region_tell_arrival AFTER INSERT OR DELETE ON organization_region
  FOR EACH ROW EXECUTE FUNCTION tell_change_of_organization_region();
CREATE TRIGGER organization_region_tell_change AFTER UPDATE ON organization_region
  FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION tell_change_of_organization_region();

-- Licences: told as a whole.
CREATE FUNCTION tell_change_of_entitlement() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  told entitlement := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
  INSERT INTO change (region, kind, entity_id)
    SELECT x.region, 'entitlements', told.org_id::text
    FROM organization_region x JOIN organization o ON o.id = x.org_id
    WHERE x.org_id = told.org_id AND o.purged_at IS NULL;
  RETURN NULL;
END $$;
CREATE TRIGGER entitlement_tell_arrival AFTER INSERT OR DELETE ON entitlement
  FOR EACH ROW EXECUTE FUNCTION tell_change_of_entitlement();
CREATE TRIGGER entitlement_tell_change AFTER UPDATE ON entitlement
  FOR EACH ROW WHEN (OLD.enabled <> NEW.enabled) EXECUTE FUNCTION tell_change_of_entitlement();

-- Domains: those that were proved.
CREATE FUNCTION tell_change_of_domain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  was_there boolean := TG_OP <> 'INSERT' AND OLD.status NOT IN ('pending', 'released');
  is_there boolean := TG_OP <> 'DELETE' AND NEW.status NOT IN ('pending', 'released');
  told organization_domain := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
  IF was_there OR is_there THEN
    INSERT INTO change (region, kind, entity_id, gone) VALUES (told.region, 'domain', told.id::text, NOT is_there);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER organization_domain_tell_arrival AFTER INSERT OR DELETE ON organization_domain
  FOR EACH ROW EXECUTE FUNCTION tell_change_of_domain();
CREATE TRIGGER organization_domain_tell_change AFTER UPDATE ON organization_domain
  FOR EACH ROW WHEN ((OLD.domain, OLD.status, OLD.is_primary) IS DISTINCT FROM (NEW.domain, NEW.status, NEW.is_primary))
  EXECUTE FUNCTION tell_change_of_domain();

-- Client origins: to the regions that the client may ask tokens for. What is told of a client and of a region's address
-- depends on both, so both take turns.
CREATE FUNCTION lock_clients_of_regions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('meridian_clients_of_regions'));
  RETURN NEW;
END $$;
CREATE TRIGGER client_takes_turns BEFORE INSERT OR UPDATE ON client
  FOR EACH ROW EXECUTE FUNCTION lock_clients_of_regions();
CREATE TRIGGER region_takes_turns BEFORE INSERT OR UPDATE OF api_url ON region
  FOR EACH ROW EXECUTE FUNCTION lock_clients_of_regions();

CREATE FUNCTION has_origins_for(asking client, api_url text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT asking.status = 'active' AND cardinality(asking.allowed_origins) > 0
    AND ('*' = ANY (asking.allowed_resources) OR api_url = ANY (asking.allowed_resources))
$$;

CREATE FUNCTION tell_change_of_client() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO change (region, kind, entity_id, gone)
    SELECT r.code, 'client', NEW.id, NOT has_origins_for(NEW, r.api_url) FROM region r
    WHERE has_origins_for(NEW, r.api_url) OR (TG_OP = 'UPDATE' AND has_origins_for(OLD, r.api_url));
  RETURN NULL;
END $$;
CREATE TRIGGER client_tell_arrival AFTER INSERT ON client FOR EACH ROW EXECUTE FUNCTION tell_change_of_client();
CREATE TRIGGER client_tell_change AFTER UPDATE ON client
  FOR EACH ROW WHEN ((OLD.status, OLD.allowed_origins, OLD.allowed_resources)
    IS DISTINCT FROM (NEW.status, NEW.allowed_origins, NEW.allowed_resources))
  EXECUTE FUNCTION tell_change_of_client();

CREATE FUNCTION tell_clients_of_region() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO change (region, kind, entity_id, gone)
    SELECT NEW.code, 'client', c.id, NOT has_origins_for(c, NEW.api_url) FROM client c
    WHERE has_origins_for(c, NEW.api_url) OR (TG_OP = 'UPDATE' AND has_origins_for(c, OLD.api_url));
  RETURN NULL;
END $$;
CREATE TRIGGER region_tell_arrival AFTER INSERT ON region FOR EACH ROW EXECUTE FUNCTION tell_clients_of_region();
CREATE TRIGGER region_tell_change AFTER UPDATE OF api_url ON region
  FOR EACH ROW WHEN (OLD.api_url <> NEW.api_url) EXECUTE FUNCTION tell_clients_of_region();

-- What there was before.
INSERT INTO change (region, kind, entity_id)
  SELECT x.region, k.kind, x.org_id::text
    FROM organization_region x JOIN organization o ON o.id = x.org_id, (VALUES ('organization'), ('entitlements')) AS k (kind)
    WHERE o.purged_at IS NULL
  UNION ALL SELECT DISTINCT m.region, 'user', m.user_id::text FROM membership m WHERE m.status <> 'removed'
  UNION ALL SELECT m.region, 'membership', m.id::text FROM membership m WHERE m.status <> 'removed'
  UNION ALL SELECT d.region, 'domain', d.id::text FROM organization_domain d WHERE d.status NOT IN ('pending', 'released')
  UNION ALL SELECT r.code, 'client', c.id FROM region r, client c WHERE has_origins_for(c, r.api_url);

-- Upward ---------------------------------------------------------------------------------------------------------------
-- What a region's service said of itself last; how far its clock is from ours, as this database saw it.
CREATE TABLE region_report (
  region text NOT NULL,
  client_id text NOT NULL,
  reported_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  clock_skew_ms integer NOT NULL,
  report jsonb NOT NULL,
  CONSTRAINT region_report_pkey PRIMARY KEY (region, client_id),
  CONSTRAINT region_report_region_fkey FOREIGN KEY (region) REFERENCES region (code) ON DELETE CASCADE ON UPDATE RESTRICT
);

-- How many people and records an organization has in a region, as that region counted.
CREATE TABLE tenant_report (
  region text NOT NULL,
  org_id uuid NOT NULL,
  members integer NOT NULL,
  records bigint NOT NULL,
  reported_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  CONSTRAINT tenant_report_pkey PRIMARY KEY (org_id, region),
  CONSTRAINT tenant_report_org_id_region_fkey FOREIGN KEY (org_id, region)
    REFERENCES organization_region (org_id, region) ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT tenant_report_counts CHECK (members >= 0 AND records >= 0)
);

CREATE TABLE usage_daily (
  region text NOT NULL,
  org_id uuid NOT NULL,
  day date NOT NULL,
  requests bigint NOT NULL,
  refused bigint NOT NULL,
  reported_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  CONSTRAINT usage_daily_pkey PRIMARY KEY (org_id, day, region),
  CONSTRAINT usage_daily_org_id_region_fkey FOREIGN KEY (org_id, region)
    REFERENCES organization_region (org_id, region) ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT usage_daily_counts CHECK (requests >= 0 AND refused >= 0)
);
CREATE INDEX usage_daily_day_idx ON usage_daily (day);

-- What a region is asked to do with what it holds: compare it, mend it, or build it anew.
CREATE TABLE sync_order (
  id uuid NOT NULL,
  region text NOT NULL,
  kind text NOT NULL,
  status text NOT NULL DEFAULT 'queued',
  done bigint NOT NULL DEFAULT 0,
  total bigint,
  report jsonb,
  -- Null: an operator's command.
  requested_by uuid,
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  reported_at timestamptz(6),
  finished_at timestamptz(6),
  CONSTRAINT sync_order_pkey PRIMARY KEY (id),
  CONSTRAINT sync_order_region_fkey FOREIGN KEY (region) REFERENCES region (code) ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT sync_order_requested_by_fkey FOREIGN KEY (requested_by) REFERENCES user_account (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT sync_order_kind CHECK (kind IN ('compare', 'repair', 'rebuild')),
  CONSTRAINT sync_order_status CHECK (status IN ('queued', 'running', 'done', 'failed', 'cancelled')),
  CONSTRAINT sync_order_finished CHECK ((status IN ('queued', 'running')) = (finished_at IS NULL))
);
-- One at a time.
CREATE UNIQUE INDEX sync_order_one_open ON sync_order (region) WHERE finished_at IS NULL;
CREATE INDEX sync_order_created_at_idx ON sync_order (created_at);

-- A revocation of nobody's session, written now and then for each region: how long until it is known there.
CREATE TABLE revocation_canary (
  region text NOT NULL,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  written_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  known_at timestamptz(6),
  CONSTRAINT revocation_canary_pkey PRIMARY KEY (region),
  CONSTRAINT revocation_canary_region_fkey FOREIGN KEY (region) REFERENCES region (code) ON DELETE CASCADE ON UPDATE RESTRICT
);
