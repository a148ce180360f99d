// What a region may see, in one place: the state of the entity that a row of `change` names, for that row's region, or
// null where it is not to be seen there (any more). Whatever tells of it (changes, snapshot, digests) tells this.

// A CASE of scalar subqueries: an id is cast in its own branch alone, since those of clients are no UUIDs.
/** Of a row `named` with region, kind and entity_id; single letters are names in here. */
export const stateOf = (named: string): string => `CASE ${named}.kind
    WHEN 'user' THEN (
      SELECT jsonb_build_object('name', u.name, 'email', u.email, 'status', u.status)
      FROM user_account u WHERE u.id = ${named}.entity_id::uuid AND u.status <> 'deleted' AND EXISTS (
        SELECT FROM membership m WHERE m.user_id = u.id AND m.region = ${named}.region AND m.status <> 'removed'))
    WHEN 'membership' THEN (
      SELECT jsonb_build_object('user_id', m.user_id, 'org_id', m.org_id, 'role', m.role, 'status', m.status,
        'display_name', m.display_name, 'version', m.version)
      FROM membership m WHERE m.id = ${named}.entity_id::uuid AND m.region = ${named}.region AND m.status <> 'removed')
    WHEN 'organization' THEN (
      SELECT jsonb_build_object('slug', o.slug, 'name', o.name,
        'status', CASE WHEN x.status = 'active' THEN o.status ELSE 'deleted' END,
        'subscription_tier', o.subscription_tier, 'settings', o.settings)
      FROM organization o JOIN organization_region x ON x.org_id = o.id AND x.region = ${named}.region
      WHERE o.id = ${named}.entity_id::uuid AND o.purged_at IS NULL)
    WHEN 'entitlements' THEN (
      SELECT jsonb_build_object('modules', (
        SELECT coalesce(jsonb_agg(e.module ORDER BY e.module COLLATE "C"), '[]')
        FROM entitlement e WHERE e.org_id = o.id AND e.enabled))
      FROM organization o JOIN organization_region x ON x.org_id = o.id AND x.region = ${named}.region
      WHERE o.id = ${named}.entity_id::uuid AND o.purged_at IS NULL)
    WHEN 'domain' THEN (
      SELECT jsonb_build_object('org_id', d.org_id, 'domain', d.domain, 'status', d.status, 'is_primary', d.is_primary)
      FROM organization_domain d
      WHERE d.id = ${named}.entity_id::uuid AND d.region = ${named}.region AND d.status NOT IN ('pending', 'released'))
    WHEN 'client' THEN (
      SELECT jsonb_build_object('allowed_origins', (
        SELECT jsonb_agg(origin ORDER BY origin COLLATE "C") FROM unnest(k.allowed_origins) origin))
      FROM client k, region r
      WHERE k.id = ${named}.entity_id AND r.code = ${named}.region AND has_origins_for(k, r.api_url))
  END`

/** The greatest seq that the statement sees, settled or not: what the state of the same statement is the state of. */
export const revisionOf = (named: string): string => `(SELECT max(v.seq) FROM change v
    WHERE v.region = ${named}.region AND v.kind = ${named}.kind AND v.entity_id = ${named}.entity_id)`
