-- Why: organizations are run by their own managers: members, invitations, modules, domains, support access. What must
-- never be wrong (the last manager, versions, what regions are told) is held here, so that no path can forget it.
--
-- Whoever changes a person and an organization in one transaction locks the person's row first, then organizations in
-- the order of their ids.

-- People -------------------------------------------------------------------------------------------------------------
ALTER TABLE user_account ADD COLUMN disabled_at timestamptz(6);
ALTER TABLE user_account ADD COLUMN deleted_at timestamptz(6);

CREATE FUNCTION raise_user_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.version := greatest(NEW.version, OLD.version + 1);
  RETURN NEW;
END $$;
CREATE TRIGGER user_account_raise_version BEFORE UPDATE ON user_account
  FOR EACH ROW WHEN ((OLD.email, OLD.phone, OLD.name, OLD.status, OLD.platform_role)
    IS DISTINCT FROM (NEW.email, NEW.phone, NEW.name, NEW.status, NEW.platform_role))
  EXECUTE FUNCTION raise_user_version();

-- Organizations ------------------------------------------------------------------------------------------------------
ALTER TABLE organization ADD COLUMN home_region text;
ALTER TABLE organization ADD COLUMN deleted_at timestamptz(6);
-- Its data is gone everywhere; the row stays, so that its id and (for a year) its slug are not used again.
ALTER TABLE organization ADD COLUMN purged_at timestamptz(6);
UPDATE organization SET deleted_at = meridian_now(), delete_after = coalesce(delete_after, meridian_now() + interval '30 days')
  WHERE status = 'deleted';
ALTER TABLE organization ADD CONSTRAINT organization_deleted
  CHECK ((status = 'deleted') = (deleted_at IS NOT NULL) AND (purged_at IS NULL OR status = 'deleted'));
ALTER TABLE organization ADD CONSTRAINT organization_home_region_fkey
  FOREIGN KEY (home_region) REFERENCES region (code) ON DELETE RESTRICT ON UPDATE RESTRICT;
CREATE INDEX organization_name_idx ON organization (lower(name), id);
CREATE INDEX organization_delete_after_idx ON organization (delete_after) WHERE status = 'deleted' AND purged_at IS NULL;
UPDATE organization o SET home_region = (SELECT min(x.region) FROM organization_region x WHERE x.org_id = o.id);

CREATE FUNCTION raise_organization_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.version := OLD.version + 1;
  RETURN NEW;
END $$;
CREATE TRIGGER organization_raise_version BEFORE UPDATE ON organization
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION raise_organization_version();

-- A slug that an organization has given up leads to it, and is nobody else's until then.
CREATE TABLE slug_alias (
  slug text NOT NULL,
  org_id uuid NOT NULL,
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  kept_until timestamptz(6) NOT NULL,
  CONSTRAINT slug_alias_pkey PRIMARY KEY (slug),
  CONSTRAINT slug_alias_org_id_fkey FOREIGN KEY (org_id) REFERENCES organization (id) ON DELETE RESTRICT ON UPDATE RESTRICT
);
CREATE INDEX slug_alias_org_id_idx ON slug_alias (org_id);
CREATE INDEX slug_alias_kept_until_idx ON slug_alias (kept_until);

-- AFTER, so that whoever waited at the unique index for the change that sets a slug free sees that change.
CREATE FUNCTION refuse_kept_slug() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM slug_alias a WHERE a.slug = NEW.slug AND a.org_id <> NEW.id AND a.kept_until > meridian_now()) THEN
    RAISE EXCEPTION 'the slug is kept for the organization that had it'
      USING ERRCODE = 'unique_violation', CONSTRAINT = 'organization_slug_kept';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER organization_refuse_kept_slug AFTER INSERT OR UPDATE OF slug ON organization
  FOR EACH ROW EXECUTE FUNCTION refuse_kept_slug();

-- Pictures of an organization, such as its logo; named by their content.
CREATE TABLE organization_asset (
  org_id uuid NOT NULL,
  digest text NOT NULL,
  media_type text NOT NULL,
  content bytea NOT NULL,
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  CONSTRAINT organization_asset_pkey PRIMARY KEY (org_id, digest),
  CONSTRAINT organization_asset_org_id_fkey FOREIGN KEY (org_id) REFERENCES organization (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT organization_asset_media_type CHECK (media_type IN ('image/png', 'image/jpeg', 'image/webp')),
  CONSTRAINT organization_asset_size CHECK (octet_length(content) BETWEEN 1 AND 262144)
);

-- How many people an organization has in a region, as it was counted last.
CREATE TABLE tenant_summary (
  org_id uuid NOT NULL,
  region text NOT NULL,
  managers integer NOT NULL,
  members integer NOT NULL,
  viewers integer NOT NULL,
  suspended integer NOT NULL,
  pending_invitations integer NOT NULL,
  counted_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  CONSTRAINT tenant_summary_pkey PRIMARY KEY (org_id, region),
  CONSTRAINT tenant_summary_org_id_region_fkey FOREIGN KEY (org_id, region)
    REFERENCES organization_region (org_id, region) ON DELETE CASCADE ON UPDATE RESTRICT
);

-- Memberships --------------------------------------------------------------------------------------------------------
ALTER TABLE membership ADD COLUMN changed_at timestamptz(6) NOT NULL DEFAULT meridian_now();

-- Tokens vouch for a membership's version, so it rises with role and status, and with nothing else.
CREATE FUNCTION raise_membership_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.version := CASE WHEN (OLD.role, OLD.status) IS DISTINCT FROM (NEW.role, NEW.status) THEN OLD.version + 1 ELSE OLD.version END;
  NEW.changed_at := meridian_now();
  RETURN NEW;
END $$;
CREATE TRIGGER membership_raise_version BEFORE UPDATE ON membership
  FOR EACH ROW EXECUTE FUNCTION raise_membership_version();

CREATE FUNCTION has_active_manager(org uuid, in_region text DEFAULT NULL) RETURNS boolean LANGUAGE sql VOLATILE AS $$
  SELECT EXISTS (SELECT FROM membership m JOIN user_account u ON u.id = m.user_id
    WHERE m.org_id = org AND m.role = 'manager' AND m.status = 'active' AND u.status = 'active'
      AND (in_region IS NULL OR m.region = in_region))
$$;

-- The organization's row is locked before a manager goes, so that of two who go at once the second is seen to be the
-- last. BEFORE: after the statement it would be too late to wait for the first.
CREATE FUNCTION lock_organization_of_membership() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM organization WHERE id = OLD.org_id FOR NO KEY UPDATE;
  RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE FUNCTION refuse_loss_of_last_manager() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT has_active_manager(OLD.org_id)
    AND EXISTS (SELECT FROM organization WHERE id = OLD.org_id AND status <> 'deleted') THEN
    RAISE EXCEPTION 'an organization keeps an active manager'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'organization_keeps_manager';
  END IF;
  RETURN NULL;
END $$;
-- By name after membership_not_of_sys_admin, which locks the person: in that order everywhere.
CREATE TRIGGER membership_organization_locked BEFORE UPDATE OR DELETE ON membership
  FOR EACH ROW EXECUTE FUNCTION lock_organization_of_membership();
CREATE TRIGGER membership_keeps_manager AFTER UPDATE ON membership
  FOR EACH ROW WHEN (OLD.role = 'manager' AND OLD.status = 'active' AND (NEW.role <> 'manager' OR NEW.status <> 'active'))
  EXECUTE FUNCTION refuse_loss_of_last_manager();
CREATE TRIGGER membership_deletion_keeps_manager AFTER DELETE ON membership
  FOR EACH ROW WHEN (OLD.role = 'manager' AND OLD.status = 'active') EXECUTE FUNCTION refuse_loss_of_last_manager();
-- A membership belongs to one person in one place for good.
CREATE FUNCTION refuse_moved_membership() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a membership stays where it is' USING ERRCODE = 'check_violation', CONSTRAINT = 'membership_stays';
END $$;
CREATE TRIGGER membership_stays BEFORE UPDATE ON membership
  FOR EACH ROW WHEN ((OLD.id, OLD.user_id, OLD.org_id, OLD.region) IS DISTINCT FROM (NEW.id, NEW.user_id, NEW.org_id, NEW.region))
  EXECUTE FUNCTION refuse_moved_membership();

-- The same for an account that is deleted or locked. A suspended organization may lose its last manager by a lock: that
-- is how one whose only manager was taken over is brought back.
CREATE FUNCTION lock_managed_organizations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM organization WHERE id IN (SELECT org_id FROM membership
    WHERE user_id = OLD.id AND role = 'manager' AND status = 'active') ORDER BY id FOR NO KEY UPDATE;
  RETURN NEW;
END $$;
CREATE FUNCTION refuse_loss_of_managing_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM membership m JOIN organization o ON o.id = m.org_id
    WHERE m.user_id = OLD.id AND m.role = 'manager' AND m.status = 'active'
      AND o.status <> 'deleted' AND (NEW.status = 'deleted' OR o.status <> 'suspended')
      AND NOT has_active_manager(o.id)) THEN
    RAISE EXCEPTION 'an organization keeps an active manager'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'organization_keeps_manager';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER user_account_lock_managed BEFORE UPDATE OF status ON user_account
  FOR EACH ROW WHEN (OLD.status = 'active' AND NEW.status <> 'active') EXECUTE FUNCTION lock_managed_organizations();
CREATE TRIGGER user_account_keeps_manager AFTER UPDATE OF status ON user_account
  FOR EACH ROW WHEN (OLD.status <> 'deleted' AND NEW.status <> 'active' AND OLD.status <> NEW.status)
  EXECUTE FUNCTION refuse_loss_of_managing_account();

-- What regions are told -----------------------------------------------------------------------------------------------
-- The region that a row concerns (null: every region), and the state of an organization there.
-- Of organizations nothing was told before.
DELETE FROM revocation WHERE kind = 'organization';
ALTER TABLE revocation ADD COLUMN region text;
ALTER TABLE revocation ADD COLUMN status text;
ALTER TABLE revocation ADD CONSTRAINT revocation_organization
  CHECK ((kind = 'organization') = (status IS NOT NULL) AND (status IS NULL OR status IN ('active', 'maintenance', 'suspended', 'deleted')));
CREATE INDEX revocation_created_at_idx ON revocation (created_at);

CREATE FUNCTION tell_of_membership() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO revocation (kind, subject, version, region) VALUES ('membership', NEW.id::text, NEW.version, NEW.region);
  RETURN NULL;
END $$;
CREATE TRIGGER membership_tell_regions AFTER UPDATE ON membership
  FOR EACH ROW WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION tell_of_membership();

CREATE FUNCTION tell_of_organization() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO revocation (kind, subject, version, region, status)
    SELECT 'organization', NEW.id::text, NEW.version, x.region, NEW.status
    FROM organization_region x WHERE x.org_id = NEW.id AND x.status = 'active';
  RETURN NULL;
END $$;
CREATE TRIGGER organization_tell_regions AFTER UPDATE ON organization
  FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION tell_of_organization();

-- To a region that an organization was withdrawn from, it is as good as deleted. The organization's version orders this
-- with the organization's own states.
CREATE FUNCTION tell_of_organization_region() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  told organization;
BEGIN
  UPDATE organization SET version = version + 1 WHERE id = NEW.org_id RETURNING * INTO told;
  INSERT INTO revocation (kind, subject, version, region, status)
    VALUES ('organization', NEW.org_id::text, told.version, NEW.region,
      CASE WHEN NEW.status = 'active' THEN told.status ELSE 'deleted' END);
  RETURN NULL;
END $$;

CREATE TRIGGER organization_region_tell_region AFTER UPDATE ON organization_region
  FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION tell_of_organization_region();

-- Invitations ----------------------------------------------------------------------------------------------------------
CREATE TABLE invitation (
  id uuid NOT NULL,
  org_id uuid NOT NULL,
  email text NOT NULL,
  invited_by uuid NOT NULL,
  status text NOT NULL DEFAULT 'pending',
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  expires_at timestamptz(6) NOT NULL,
  sends integer NOT NULL DEFAULT 1,
  last_sent_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  settled_at timestamptz(6),
  user_id uuid,
  CONSTRAINT invitation_pkey PRIMARY KEY (id),
  CONSTRAINT invitation_org_id_fkey FOREIGN KEY (org_id) REFERENCES organization (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT invitation_invited_by_fkey FOREIGN KEY (invited_by) REFERENCES user_account (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT invitation_user_id_fkey FOREIGN KEY (user_id) REFERENCES user_account (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT invitation_status CHECK (status IN ('pending', 'accepted', 'declined', 'revoked')),
  CONSTRAINT invitation_settled CHECK ((status = 'pending') = (settled_at IS NULL)),
  CONSTRAINT invitation_accepted CHECK ((status = 'accepted') = (user_id IS NOT NULL))
);
-- One that has expired gives way to a new one by being settled first.
CREATE UNIQUE INDEX invitation_one_pending ON invitation (org_id, email) WHERE status = 'pending';
CREATE INDEX invitation_email_idx ON invitation (email) WHERE status = 'pending';
CREATE INDEX invitation_org_id_id_idx ON invitation (org_id, id);
CREATE INDEX invitation_expires_at_idx ON invitation (expires_at);

CREATE TABLE invitation_role (
  invitation_id uuid NOT NULL,
  region text NOT NULL,
  role text NOT NULL,
  CONSTRAINT invitation_role_pkey PRIMARY KEY (invitation_id, region),
  CONSTRAINT invitation_role_invitation_id_fkey FOREIGN KEY (invitation_id) REFERENCES invitation (id) ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT invitation_role_region_fkey FOREIGN KEY (region) REFERENCES region (code) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT invitation_role_role CHECK (role IN ('manager', 'member', 'viewer'))
);

-- Work that outlasts a request, such as invitations from a file: taken by any process, one at a time, and followed by
-- its owner.
CREATE TABLE job (
  id uuid NOT NULL,
  kind text NOT NULL,
  org_id uuid,
  created_by uuid NOT NULL,
  status text NOT NULL DEFAULT 'queued',
  input jsonb NOT NULL,
  total integer NOT NULL,
  done integer NOT NULL DEFAULT 0,
  report jsonb NOT NULL DEFAULT '[]',
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  finished_at timestamptz(6),
  CONSTRAINT job_pkey PRIMARY KEY (id),
  CONSTRAINT job_org_id_fkey FOREIGN KEY (org_id) REFERENCES organization (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT job_created_by_fkey FOREIGN KEY (created_by) REFERENCES user_account (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT job_status CHECK (status IN ('queued', 'done', 'failed')),
  CONSTRAINT job_finished CHECK ((status = 'queued') = (finished_at IS NULL)),
  CONSTRAINT job_progress CHECK (done BETWEEN 0 AND total)
);
CREATE INDEX job_queued_idx ON job (created_at) WHERE status = 'queued';
CREATE INDEX job_org_id_id_idx ON job (org_id, id);
CREATE INDEX job_finished_at_idx ON job (finished_at);

-- Modules --------------------------------------------------------------------------------------------------------------
CREATE TABLE module (
  key text NOT NULL,
  name text NOT NULL,
  kind text NOT NULL,
  requires text[] NOT NULL DEFAULT '{}',
  status text NOT NULL DEFAULT 'active',
  CONSTRAINT module_pkey PRIMARY KEY (key),
  CONSTRAINT module_kind CHECK (kind IN ('standalone', 'enhancement')),
  CONSTRAINT module_requires CHECK ((kind = 'enhancement') = (cardinality(requires) > 0)),
  CONSTRAINT module_status CHECK (status IN ('active', 'withdrawn'))
);

-- A row is a licence; within it a manager switches the module on and off.
CREATE TABLE entitlement (
  org_id uuid NOT NULL,
  module text NOT NULL,
  enabled boolean NOT NULL DEFAULT true,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  CONSTRAINT entitlement_pkey PRIMARY KEY (org_id, module),
  CONSTRAINT entitlement_org_id_fkey FOREIGN KEY (org_id) REFERENCES organization (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT entitlement_module_fkey FOREIGN KEY (module) REFERENCES module (key) ON DELETE RESTRICT ON UPDATE RESTRICT
);

-- Domains --------------------------------------------------------------------------------------------------------------
CREATE TABLE organization_domain (
  id uuid NOT NULL,
  org_id uuid NOT NULL,
  region text NOT NULL,
  domain text NOT NULL,
  status text NOT NULL DEFAULT 'pending',
  -- The value of the TXT record that proves it: public, and good for this row alone.
  verification text NOT NULL,
  is_primary boolean NOT NULL DEFAULT false,
  version integer NOT NULL DEFAULT 1,
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  verified_at timestamptz(6),
  next_check_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  last_checked_at timestamptz(6),
  failing_since timestamptz(6),
  released_at timestamptz(6),
  quarantine_until timestamptz(6),
  CONSTRAINT organization_domain_pkey PRIMARY KEY (id),
  CONSTRAINT organization_domain_org_id_region_fkey FOREIGN KEY (org_id, region)
    REFERENCES organization_region (org_id, region) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT organization_domain_status CHECK (status IN ('pending', 'active', 'degraded', 'disabled', 'released')),
  CONSTRAINT organization_domain_released CHECK ((status = 'released') = (released_at IS NOT NULL)),
  CONSTRAINT organization_domain_verified CHECK (status IN ('pending', 'released') OR verified_at IS NOT NULL)
);
-- A domain that is only claimed keeps nobody else from proving it; a proved one is one organization's.
CREATE UNIQUE INDEX organization_domain_one_proved ON organization_domain (domain) WHERE status IN ('active', 'degraded', 'disabled');
CREATE UNIQUE INDEX organization_domain_one_claim ON organization_domain (org_id, domain) WHERE status <> 'released';
CREATE UNIQUE INDEX organization_domain_one_primary ON organization_domain (org_id, region) WHERE is_primary;
CREATE INDEX organization_domain_domain_idx ON organization_domain (domain);
CREATE INDEX organization_domain_region_idx ON organization_domain (region) WHERE status IN ('active', 'degraded');
CREATE INDEX organization_domain_check_idx ON organization_domain (next_check_at) WHERE status <> 'released';

-- Support --------------------------------------------------------------------------------------------------------------
-- A sys-admin's access to one organization in one region, which a manager there grants for a while. Tokens name it as
-- their membership (`mid`, `mv`).
CREATE TABLE support_grant (
  id uuid NOT NULL,
  org_id uuid NOT NULL,
  region text NOT NULL,
  requested_by uuid NOT NULL,
  reason text NOT NULL,
  role text NOT NULL DEFAULT 'viewer',
  duration_seconds integer NOT NULL,
  status text NOT NULL DEFAULT 'requested',
  version integer NOT NULL DEFAULT 1,
  requested_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  decided_by uuid,
  decided_at timestamptz(6),
  expires_at timestamptz(6),
  ended_by uuid,
  ended_at timestamptz(6),
  CONSTRAINT support_grant_pkey PRIMARY KEY (id),
  CONSTRAINT support_grant_org_id_region_fkey FOREIGN KEY (org_id, region)
    REFERENCES organization_region (org_id, region) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT support_grant_requested_by_fkey FOREIGN KEY (requested_by) REFERENCES user_account (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT support_grant_role CHECK (role IN ('viewer', 'member')),
  CONSTRAINT support_grant_duration CHECK (duration_seconds BETWEEN 300 AND 14400),
  CONSTRAINT support_grant_status CHECK (status IN ('requested', 'approved', 'declined', 'ended')),
  CONSTRAINT support_grant_decided CHECK ((status = 'requested') = (decided_at IS NULL) OR status = 'ended'),
  CONSTRAINT support_grant_expires CHECK (status <> 'approved' OR expires_at <= decided_at + make_interval(secs => duration_seconds)),
  CONSTRAINT support_grant_ended CHECK ((status = 'ended') = (ended_at IS NOT NULL))
);
CREATE INDEX support_grant_org_id_id_idx ON support_grant (org_id, id);
CREATE INDEX support_grant_requested_by_idx ON support_grant (requested_by);

CREATE FUNCTION tell_of_support_grant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO revocation (kind, subject, version, region) VALUES ('membership', NEW.id::text, NEW.version, NEW.region);
  RETURN NULL;
END $$;
CREATE FUNCTION raise_support_grant_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.version := OLD.version + 1;
  RETURN NEW;
END $$;
CREATE TRIGGER support_grant_raise_version BEFORE UPDATE ON support_grant
  FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION raise_support_grant_version();
CREATE TRIGGER support_grant_tell_region AFTER UPDATE ON support_grant
  FOR EACH ROW WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION tell_of_support_grant();

-- Erasure --------------------------------------------------------------------------------------------------------------
-- What a region is to erase, and when it said that it had. A person is erased where they have ever been a member.
CREATE TABLE erasure_order (
  id uuid NOT NULL,
  kind text NOT NULL,
  subject_id uuid NOT NULL,
  region text NOT NULL,
  created_at timestamptz(6) NOT NULL DEFAULT meridian_now(),
  acknowledged_at timestamptz(6),
  CONSTRAINT erasure_order_pkey PRIMARY KEY (id),
  CONSTRAINT erasure_order_region_fkey FOREIGN KEY (region) REFERENCES region (code) ON DELETE RESTRICT ON UPDATE RESTRICT,
  CONSTRAINT erasure_order_kind CHECK (kind IN ('user', 'organization'))
);
CREATE UNIQUE INDEX erasure_order_subject_key ON erasure_order (kind, subject_id, region);
CREATE INDEX erasure_order_open_idx ON erasure_order (region, id) WHERE acknowledged_at IS NULL;
