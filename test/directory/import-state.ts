/** The directory without its ids and times: what two ways to the same end must agree in. */
import type { IdentityDatabase } from '../../services/identity/src/store/open-store.ts'

const STATE = `SELECT jsonb_build_object(
  'people', (SELECT jsonb_agg(to_jsonb(p) ORDER BY p.email) FROM
    (SELECT email, name, status, platform_role FROM user_account) p),
  'organizations', (SELECT jsonb_agg(to_jsonb(p) ORDER BY p.slug) FROM
    (SELECT slug, name, primary_contact_email, subscription_tier, status, home_region FROM organization) p),
  'places', (SELECT jsonb_agg(to_jsonb(p) ORDER BY p.slug, p.region) FROM
    (SELECT o.slug, x.region FROM organization_region x JOIN organization o ON o.id = x.org_id) p),
  'memberships', (SELECT jsonb_agg(to_jsonb(p) ORDER BY p.email, p.slug, p.region) FROM
    (SELECT u.email, o.slug, m.region, m.role, m.status FROM membership m
      JOIN user_account u ON u.id = m.user_id JOIN organization o ON o.id = m.org_id) p))::text AS state`

export async function readDirectory(db: IdentityDatabase): Promise<Record<string, readonly object[]>> {
  const [row] = await db.sql({ name: 'state_for_import', text: STATE }, [])
  return JSON.parse(String(row?.['state']))
}
