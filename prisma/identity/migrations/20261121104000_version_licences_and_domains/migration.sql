-- Why: whoever changes a licence or a domain changes what they have read, and a domain that was given up is kept from
-- others for a while, on every path and also where two act at once.

-- The version of everything that an organization is entitled to. One that never had anything has no row, and version 1.
CREATE TABLE entitlement_set (
  org_id uuid NOT NULL,
  version integer NOT NULL DEFAULT 2,
  CONSTRAINT entitlement_set_pkey PRIMARY KEY (org_id),
  CONSTRAINT entitlement_set_org_id_fkey FOREIGN KEY (org_id) REFERENCES organization (id) ON DELETE RESTRICT ON UPDATE RESTRICT
);

CREATE FUNCTION raise_entitlement_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.version := OLD.version + 1;
  RETURN NEW;
END $$;
CREATE TRIGGER entitlement_raise_version BEFORE UPDATE ON entitlement
  FOR EACH ROW WHEN (OLD.enabled <> NEW.enabled) EXECUTE FUNCTION raise_entitlement_version();

CREATE FUNCTION raise_entitlement_set_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO entitlement_set AS held (org_id) VALUES (coalesce(NEW.org_id, OLD.org_id))
    ON CONFLICT (org_id) DO UPDATE SET version = held.version + 1;
  RETURN NULL;
END $$;
CREATE TRIGGER entitlement_raise_set_version AFTER INSERT OR DELETE ON entitlement
  FOR EACH ROW EXECUTE FUNCTION raise_entitlement_set_version();
CREATE TRIGGER entitlement_switch_raises_set_version AFTER UPDATE ON entitlement
  FOR EACH ROW WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION raise_entitlement_set_version();

CREATE FUNCTION raise_domain_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.version := OLD.version + 1;
  RETURN NEW;
END $$;
CREATE TRIGGER organization_domain_raise_version BEFORE UPDATE ON organization_domain
  FOR EACH ROW WHEN ((OLD.status, OLD.is_primary) IS DISTINCT FROM (NEW.status, NEW.is_primary))
  EXECUTE FUNCTION raise_domain_version();

-- A domain that an organization has given up is proved by nobody else for a while: regions and resolvers may still
-- remember whose it was. AFTER, so that whoever waited at organization_domain_one_proved for the release sees it.
CREATE FUNCTION refuse_quarantined_domain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM organization_domain d WHERE d.domain = NEW.domain AND d.org_id <> NEW.org_id
      AND d.status = 'released' AND d.quarantine_until > meridian_now()) THEN
    RAISE EXCEPTION 'the domain is kept from others for a while'
      USING ERRCODE = 'unique_violation', CONSTRAINT = 'organization_domain_quarantined';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER organization_domain_refuse_quarantined AFTER INSERT OR UPDATE OF status ON organization_domain
  FOR EACH ROW WHEN (NEW.status = 'active') EXECUTE FUNCTION refuse_quarantined_domain();

CREATE INDEX organization_domain_org_id_id_idx ON organization_domain (org_id, id);
