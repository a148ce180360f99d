// How much a comparison may take away without an order that says so: a centre whose list was emptied by mistake must not
// empty its regions.

/** More rows than this, and more of what is held than this share. */
const REMOVED_MAX = { rows: 100, share: 0.1 }

/** Also where nothing would be left, however little is held. */
export function isTooMuchToRemove({ removed, held }: { removed: number; held: number }): boolean {
  return removed > 0 && (removed >= held || removed > Math.max(REMOVED_MAX.rows, held * REMOVED_MAX.share))
}

export function heldBack(of: { removed: number; held: number }): string {
  return `${of.removed} of ${of.held} rows that are held would be taken away: that asks for an order by force`
}
