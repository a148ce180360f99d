// The operator's commands for sys-admins. The first one is appointed here and nowhere else.
import { emailAddressSchema } from '@meridian/protocol/email-address'
import { displayNameSchema } from '@meridian/protocol/orgs'
import { z } from 'zod'
import { appointFirstSysAdmin } from '../directory/appoint-sys-admin.ts'
import { readSysAdmins } from '../directory/sys-admins.ts'
import { type Command, command } from './command.ts'

const OPTIONS = '--email ADDRESS --name NAME [--dry-run]'
const MANY = 100

const create = {
  summary: 'appoints the first sys-admin; works once per installation',
  details: 'More are appointed by sys-admins themselves: POST /v1/sys-admins.',
  input: z.strictObject({ email: emailAddressSchema, name: displayNameSchema, dryRun: z.boolean().default(false) }),
  isRehearsable: true,
  run: async (deps, { email, name }) => ({ user_id: (await appointFirstSysAdmin(deps, { email, name })).userId }),
} satisfies Omit<Command<z.ZodType<{ email: string; name: string; dryRun: boolean }>>, 'usage'>

export const SYS_ADMIN_COMMANDS = {
  'sys-admin create': command({ ...create, usage: `sys-admin create ${OPTIONS}` }),
  'create-sys-admin': command({ ...create, usage: `create-sys-admin ${OPTIONS}`, summary: 'the same' }),
  'sys-admin list': command({
    summary: 'shows who administers the platform',
    usage: 'sys-admin list',
    input: z.strictObject({}),
    run: async (deps) => ({ sys_admins: (await readSysAdmins(deps, { limit: MANY })).sys_admins }),
  }),
} satisfies Record<string, Command<z.ZodType>>
