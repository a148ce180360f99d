-- Why: a manager whose region is no longer operated can act nowhere either, and is not the one that an organization keeps.
CREATE OR REPLACE FUNCTION has_active_manager(org uuid, in_region text DEFAULT NULL) RETURNS boolean LANGUAGE sql VOLATILE AS $$
  SELECT EXISTS (SELECT FROM membership m JOIN user_account u ON u.id = m.user_id
      JOIN organization_region x ON x.org_id = m.org_id AND x.region = m.region
      JOIN region r ON r.code = m.region
    WHERE m.org_id = org AND m.role = 'manager' AND m.status = 'active' AND u.status = 'active' AND x.status = 'active'
      AND r.status = 'active' AND (in_region IS NULL OR m.region = in_region))
$$;
