// The smallest bodies that are pictures by their first bytes; `mark` makes one different from another.

const beginning = (bytes: readonly number[], mark: string) => Buffer.concat([Buffer.from(bytes), Buffer.from(mark)])

export const png = (mark = '') => beginning([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], mark)
export const jpeg = (mark = '') => beginning([0xff, 0xd8, 0xff, 0xe0], mark)
export const webp = (mark = '') => Buffer.from(`RIFF\x10\x00\x00\x00WEBPVP8 ${mark}`, 'latin1')
