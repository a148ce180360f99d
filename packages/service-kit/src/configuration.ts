// How a process reads its settings: one zod schema, parsed once, everything that is wrong named at once, frozen.
// A setting NAME may be given as NAME_FILE, the path of a file that holds it: secrets are file paths. The pieces
// that schemas are made of are in settings.ts. Only a service's main.ts passes process.env in.
import { readFileSync } from 'node:fs'
import type { z } from 'zod'

type Environment = Readonly<Record<string, string | undefined>>

/** Its message names every missing or wrong setting, one a line, and never holds a value. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`The configuration is not complete:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

/** Reads only the settings that the schema names. Throws ConfigurationError. */
export function parseConfiguration<S extends z.ZodObject>(
  schema: S,
  environment: Environment,
  readFile: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): Readonly<z.output<S>> {
  const problems: string[] = []
  const values: Record<string, string> = {}
  for (const name of Object.keys(schema.shape)) {
    const read = readSetting(name, schema, environment, readFile)
    if (read.problem !== undefined) problems.push(read.problem)
    if (read.value !== undefined) values[name] = read.value
  }
  const alreadyNamed = new Set(problems.map((problem) => problem.slice(0, problem.indexOf(':'))))
  const parsed = schema.safeParse(values)
  for (const issue of parsed.error?.issues ?? []) {
    const problem = describeIssue(issue, schema, values)
    const name = problem.slice(0, problem.indexOf(':'))
    if (alreadyNamed.has(name)) continue
    alreadyNamed.add(name)
    problems.push(problem)
  }
  if (problems.length > 0 || !parsed.success) throw new ConfigurationError(problems)
  return deepFreeze(parsed.data)
}

function readSetting(
  name: string,
  schema: z.ZodObject,
  environment: Environment,
  readFile: (path: string) => string,
): { value?: string | undefined; problem?: string } {
  const value = environment[name] || undefined
  const fileName = `${name}_FILE`
  const path = fileName in schema.shape ? undefined : environment[fileName] || undefined
  if (path === undefined) return { value }
  if (value !== undefined) return { problem: `${name}: given twice, as ${name} and as ${fileName}; keep one` }
  try {
    return { value: readFile(path).trim() || undefined }
  } catch (error) {
    return { problem: `${name}: ${fileName} names a file that cannot be read (${errorCode(error)})` }
  }
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}

function describeIssue(issue: z.core.$ZodIssue, schema: z.ZodObject, values: Record<string, string>): string {
  const name = issue.path[0] === undefined ? '' : String(issue.path[0])
  const field = schema.shape[name]
  if (field === undefined) return `settings: ${issue.message}`
  const expected = descriptionOf(field)
  const value = values[name]
  if (value === undefined) return `${name}: missing${expected === undefined ? '' : `; expected ${expected}`}`
  const reason = issue.message.includes(value) ? 'wrong' : issue.message
  return `${name}: ${reason}${expected === undefined ? '' : `; expected ${expected}`}`
}

export type SettingDescription = {
  readonly name: string
  readonly description: string
  /** As text, for people; undefined where there is none. */
  readonly default: string | undefined
  readonly required: boolean
}

/** What a README's table of settings has to say. */
export function settingsTable(schema: z.ZodObject): readonly SettingDescription[] {
  return Object.entries(schema.shape).map(([name, field]) => ({
    name,
    description: descriptionOf(field) ?? '',
    default: defaultOf(field),
    required: !(field as z.ZodType).safeParse(undefined).success,
  }))
}

function descriptionOf(field: z.core.$ZodType): string | undefined {
  for (const layer of layersOf(field)) {
    const description = (layer as z.ZodType).description
    if (description !== undefined) return description
  }
  return undefined
}

function defaultOf(field: z.core.$ZodType): string | undefined {
  for (const layer of layersOf(field)) {
    const definition = layer._zod.def as { type: string; defaultValue?: unknown }
    if (definition.type === 'default' || definition.type === 'prefault') return String(definition.defaultValue)
  }
  return undefined
}

/** A schema and what it wraps, outermost first: a default, an optional and a pipe keep their inner schema apart. */
function* layersOf(field: z.core.$ZodType): Generator<z.core.$ZodType> {
  let layer: z.core.$ZodType | undefined = field
  while (layer !== undefined) {
    yield layer
    const definition = layer._zod.def as { innerType?: z.core.$ZodType; in?: z.core.$ZodType }
    layer = definition.innerType ?? definition.in
  }
}

function deepFreeze<T>(value: T): Readonly<T> {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) deepFreeze(inner)
  return Object.freeze(value)
}
