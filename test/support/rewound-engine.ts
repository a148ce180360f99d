// Embedded databases for one test after another: the engine is started once, and whoever closes it puts back its memory
// and its files as they were at first. Nothing that a test does to it can outlive that: neither rows nor functions,
// roles, settings, transaction ids or an open transaction. To start an engine takes twenty times as long.
import { PGlite } from '@electric-sql/pglite'
import t from 'tap'

/** 128 MB would have to be laid out at each start. */
const START_PARAMETERS = [...PGlite.defaultStartParams, '-c', 'shared_buffers=16MB']
const CHUNK_BYTES = 65_536
const NOTHING = new Uint8Array(CHUNK_BYTES)

/** Of Emscripten's files, which are objects in memory. */
type FileNode = {
  parent: FileNode
  name: string
  name_next?: FileNode
  mode: number
  usedBytes?: number
  contents?: Uint8Array | Record<string, FileNode> | null
}
type Stream = { fd: number | null; shared: { position: number; flags: number } }
type Insides = {
  wasmMemory: WebAssembly.Memory
  stackSave(): number
  stackRestore(pointer: number): void
  FS: { root: FileNode; nameTable: (FileNode | undefined)[]; streams: (Stream | null | undefined)[] }
}

/** Opens databases that all begin with this one. The engines are closed when the test file ends. */
export function createRewoundEngines(readSnapshot: () => Promise<Blob>): () => Promise<PGlite> {
  let snapshot: Promise<Blob> | undefined
  const idle: Engine[] = []
  return async () => {
    const waiting = idle.pop()
    if (waiting !== undefined) return lend(waiting, idle)
    snapshot ??= readSnapshot()
    const pglite = await PGlite.create({ loadDataDir: await snapshot, startParams: START_PARAMETERS })
    t.teardown(() => pglite.close())
    await readEveryTable(pglite)
    return lend({ pglite, rewind: rememberAll(pglite.Module as unknown as Insides) }, idle)
  }
}

type Engine = { readonly pglite: PGlite; readonly rewind: () => void }

/** What the engine has loaded and knows of its tables is remembered with the rest; a library cannot be unloaded. */
async function readEveryTable(pglite: PGlite): Promise<void> {
  await pglite.exec('DO $$ BEGIN NULL; END $$')
  const { rows } = await pglite.query<{ text: string }>(
    `SELECT format('SELECT FROM %s LIMIT 0', oid::regclass) AS text FROM pg_class
     WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`,
  )
  for (const { text } of rows) await pglite.query(text)
}

/** The engine until it is closed: a handle that is kept for longer opens nothing of the next test's. */
function lend(engine: Engine, idle: Engine[]): PGlite {
  const { pglite, rewind } = engine
  let isClosed = false
  const close = async () => {
    const giveBack = async () => {
      if (isClosed) throw new Error('PGlite is closed')
      isClosed = true
      rewind()
      idle.push(engine)
    }
    await pglite._runExclusiveTransaction(() => pglite._runExclusiveQuery(giveBack))
  }
  return new Proxy(pglite, {
    get(target, key) {
      if (key === 'close') return close
      if (key === 'closed') return isClosed
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      return (...values: unknown[]) => {
        if (isClosed) throw new Error('PGlite is closed')
        return Reflect.apply(value, target, values)
      }
    },
  })
}

function rememberAll(insides: Insides): () => void {
  const rewindMemory = rememberMemory(insides)
  const rewindFiles = rememberFiles(insides)
  return () => {
    rewindMemory()
    rewindFiles()
  }
}

function rememberMemory({ wasmMemory, stackSave, stackRestore }: Insides): () => void {
  const chunkAt = (at: number) => new Uint8Array(wasmMemory.buffer, at, CHUNK_BYTES)
  const chunks = new Map<number, Uint8Array>()
  for (let at = 0; at < wasmMemory.buffer.byteLength; at += CHUNK_BYTES)
    if (Buffer.compare(chunkAt(at), NOTHING) !== 0) chunks.set(at, chunkAt(at).slice())
  const stack = stackSave()
  return () => {
    for (let at = 0; at < wasmMemory.buffer.byteLength; at += CHUNK_BYTES) {
      const wanted = chunks.get(at) ?? NOTHING
      if (Buffer.compare(chunkAt(at), wanted) !== 0) chunkAt(at).set(wanted)
    }
    stackRestore(stack)
  }
}

function rememberFiles({ FS }: Insides): () => void {
  const names = [...FS.nameTable]
  const streams = FS.streams.map((stream) => stream && rememberStream(stream))
  const nodes: (() => void)[] = []
  const remember = (node: FileNode) => {
    nodes.push(rememberNode(node))
    if (isFolder(node)) for (const child of Object.values(node.contents)) remember(child)
  }
  remember(FS.root)
  return () => {
    for (const rewind of nodes) rewind()
    FS.nameTable.splice(0, Number.POSITIVE_INFINITY, ...names)
    FS.streams.length = 0
    for (const [index, rewind] of streams.entries()) FS.streams[index] = rewind?.()
  }
}

/** One that is closed knows that itself. */
function rememberStream(stream: Stream): () => Stream {
  const kept = { ...stream }
  const shared = { ...stream.shared }
  return () => Object.assign(stream, kept, { shared: Object.assign(kept.shared, shared) })
}

const isFolder = (node: FileNode): node is FileNode & { contents: Record<string, FileNode> } =>
  typeof node.contents === 'object' && node.contents !== null && !ArrayBuffer.isView(node.contents)

function rememberNode(node: FileNode): () => void {
  const { contents, ...kept } = node
  if (isFolder(node)) {
    const children = { ...node.contents }
    return () => Object.assign(node, kept, { contents: { ...children } })
  }
  if (!ArrayBuffer.isView(contents)) return () => Object.assign(node, kept)
  const bytes = contents.slice(0, node.usedBytes)
  return () => {
    const now = node.contents as Uint8Array
    const isSame = node.usedBytes === bytes.length && Buffer.compare(now.subarray(0, bytes.length), bytes) === 0
    Object.assign(node, kept, isSame ? {} : { contents: bytes.slice() })
  }
}
