-- Why: an organization lost its last manager with a region that it was withdrawn from, and opened without one, wherever
-- that was written past the service; and an import made open ones that nobody could run.

-- Made by an import that is not over, or that brought no manager: an import that brings one opens it.
ALTER TABLE organization ADD COLUMN awaits_manager boolean NOT NULL DEFAULT false;
-- Which is nothing that anybody reads of it.
DROP TRIGGER organization_raise_version ON organization;
CREATE TRIGGER organization_raise_version BEFORE UPDATE ON organization FOR EACH ROW
  WHEN (to_jsonb(OLD) - 'awaits_manager' IS DISTINCT FROM to_jsonb(NEW) - 'awaits_manager')
  EXECUTE FUNCTION raise_organization_version();

-- Whoever opens or deletes it has decided on it.
CREATE FUNCTION end_wait_for_manager() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.awaits_manager := false;
  RETURN NEW;
END $$;
CREATE TRIGGER organization_end_wait_for_manager BEFORE UPDATE OF status ON organization
  FOR EACH ROW WHEN (OLD.awaits_manager AND OLD.status <> NEW.status AND NEW.status <> 'suspended') EXECUTE FUNCTION end_wait_for_manager();

CREATE FUNCTION refuse_opening_without_manager() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT has_active_manager(NEW.id) THEN
    RAISE EXCEPTION 'an organization is opened with an active manager'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'organization_opens_with_manager';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER organization_opens_with_manager AFTER UPDATE OF status ON organization
  FOR EACH ROW WHEN (OLD.status IN ('suspended', 'deleted') AND NEW.status IN ('active', 'maintenance'))
  EXECUTE FUNCTION refuse_opening_without_manager();

-- organization_region_organization_locked has locked the organization. What had no manager before loses none, and one that
-- is suspended is opened only with one.
CREATE FUNCTION refuse_loss_with_region() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM organization WHERE id = OLD.org_id AND status NOT IN ('suspended', 'deleted'))
    AND EXISTS (SELECT FROM membership m JOIN user_account u ON u.id = m.user_id JOIN region r ON r.code = m.region
      WHERE m.org_id = OLD.org_id AND m.region = OLD.region AND m.role = 'manager' AND m.status = 'active'
        AND u.status = 'active' AND r.status = 'active')
    AND NOT has_active_manager(OLD.org_id) THEN
    RAISE EXCEPTION 'an organization keeps an active manager'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'organization_keeps_manager';
  END IF;
  RETURN NULL;
END $$;
-- A row with memberships is neither deleted nor moved: they refer to it.
CREATE TRIGGER organization_region_keeps_manager AFTER UPDATE OF status ON organization_region
  FOR EACH ROW WHEN (OLD.status = 'active' AND NEW.status <> 'active') EXECUTE FUNCTION refuse_loss_with_region();
