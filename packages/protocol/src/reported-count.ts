// Numbers that regions count.
import { z } from 'zod'

/** Nothing that is counted in a region comes near: what is beyond is no count, and would not fit where it is summed. */
export const COUNT_MAX = 2_147_483_647

export const countSchema = z.int().nonnegative().max(COUNT_MAX)
