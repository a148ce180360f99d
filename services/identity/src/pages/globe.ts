import { html } from './html.ts'

const MERIDIAN_WIDTHS = [0, 17, 33, 41]
const HERE_WIDTH = 17

/** Behind each page: the earth with its meridians, and one place on one of them. Decoration alone. */
export const GLOBE = html`<svg class="globe" viewBox="0 0 100 100" aria-hidden="true" focusable="false"><circle cx="50" cy="50" r="49"/>${MERIDIAN_WIDTHS.map(
  (width) => html`<ellipse cx="50" cy="50" rx="${width}" ry="49"/>`,
)}<path d="M1 50h98M7.6 25.5h84.8M7.6 74.5h84.8"/><path class="here" d="M50 1a${HERE_WIDTH} 49 0 0 0 0 98"/><circle class="place" cx="34.3" cy="31.2" r="0.85"/></svg>`
