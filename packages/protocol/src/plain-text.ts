// Text that reaches a terminal or a log: nothing in it moves a cursor, begins a line or turns the direction of reading.
import { z } from 'zod'

export const plainText = z.string().regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u)

/** As such text: what must not be in it, as spaces. */
export function plainTextOf(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
}
