// How much of a host map a region holds: one that is too long costs a few hosts, and not all of them their newest state.
import { HOSTS_MAX, type HostEntry, type HostMap } from '@meridian/protocol/hosts'
import { parseHostName } from './host-name.ts'
import type { OperationalLog } from './operational-log.ts'

/** Hosts that serve come before those that have moved, each in the map's order. */
export function boundHosts(map: HostMap, log: OperationalLog): HostMap {
  const { hosts } = map
  if (hosts.length <= HOSTS_MAX) return map
  const hasMoved = (entry: HostEntry) => entry.redirect_to !== undefined
  const ordered = [...hosts.filter((entry) => !hasMoved(entry)), ...hosts.filter(hasMoved)]
  // One that is named again in what is left out may be disputed.
  const left = new Set(ordered.slice(HOSTS_MAX).map(({ host }) => parseHostName(host)))
  const held = ordered.slice(0, HOSTS_MAX).filter(({ host }) => !left.has(parseHostName(host)))
  log.error({ hosts: hosts.length, held: held.length, alarm: true }, 'the host map is longer than what a region holds')
  return { ...map, hosts: held }
}
