// A command's result as text: one line a value; a list of objects is one line each. Some of it is others' words: none of them
// moves the terminal's cursor.
import { plainTextOf } from '@meridian/protocol/plain-text'

export function resultText(result: Readonly<Record<string, unknown>>): string {
  return `${linesOf(result, '').join('\n')}\n`
}

function linesOf(values: Readonly<Record<string, unknown>>, indent: string): readonly string[] {
  return Object.entries(values).flatMap(([key, value]) => {
    if (Array.isArray(value)) {
      const items = value.map((item: unknown) => `${indent}  ${itemText(item)}`)
      return [`${indent}${key}:${value.length === 0 ? ' none' : ''}`, ...items]
    }
    if (isRecord(value)) return [`${indent}${key}:`, ...linesOf(value, `${indent}  `)]
    return [`${indent}${key}: ${textOf(value)}`]
  })
}

function itemText(item: unknown): string {
  if (!isRecord(item)) return textOf(item)
  const parts = Object.entries(item).map(
    ([name, value]) => `${name} ${[value].flat().map(wordOf).join(', ') || 'nothing'}`,
  )
  return parts.join(' · ')
}

function wordOf(value: unknown): string {
  return isRecord(value) ? Object.values(value).map(wordOf).join(' ') : textOf(value)
}

function textOf(value: unknown): string {
  return plainTextOf(String(value))
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
