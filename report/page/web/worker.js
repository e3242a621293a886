// Reads captures by tcplife as WebAssembly. Go opens and reads files through globalThis.fs, as in Node; here they are
// those that were dropped on the page.

const S_IFREG = 0o100000
const report = { read: 0, total: 1, told: 0, errors: '' }
let files = []
const opened = new Map()

const failure = (code) => Object.assign(new Error(code), { code })
const stat = (file) => ({
  dev: 0,
  ino: 0,
  mode: S_IFREG | 0o444,
  nlink: 1,
  uid: 0,
  gid: 0,
  rdev: 0,
  size: file.size,
  blksize: 4096,
  blocks: 0,
  atimeMs: 0,
  mtimeMs: 0,
  ctimeMs: 0,
  isDirectory: () => false,
})
const find = (path) => files.find((f) => f.name === path.replace(/^\//, ''))
const unable = (...args) => args[args.length - 1](failure('ENOSYS'))

globalThis.process = {
  getuid: () => -1,
  getgid: () => -1,
  geteuid: () => -1,
  getegid: () => -1,
  getgroups: () => [],
  pid: 1,
  ppid: 1,
  umask: () => 0,
  cwd: () => '/',
  chdir() {},
}
globalThis.path = { resolve: (...parts) => parts.join('/') }
globalThis.fs = {
  constants: { O_WRONLY: 1, O_RDWR: 2, O_CREAT: 64, O_TRUNC: 512, O_APPEND: 1024, O_EXCL: 128, O_DIRECTORY: 65536 },
  writeSync(fd, bytes) {
    if (fd === 1) {
      const part = bytes.slice()
      postMessage({ part }, [part.buffer])
    } else report.errors += new TextDecoder().decode(bytes)
    return bytes.length
  },
  write(fd, bytes, offset, length, position, done) {
    done(null, this.writeSync(fd, bytes.subarray(offset, offset + length)))
  },
  open(path, flags, mode, done) {
    const file = find(path)
    if (!file) return done(failure('ENOENT'))
    const fd = 3 + opened.size
    opened.set(fd, { file, at: 0 })
    done(null, fd)
  },
  read(fd, bytes, offset, length, position, done) {
    const f = opened.get(fd)
    if (!f) return done(failure('EBADF'))
    const from = position === null ? f.at : position
    const read = new Uint8Array(new FileReaderSync().readAsArrayBuffer(f.file.slice(from, from + length)))
    bytes.set(read, offset)
    if (position === null) f.at += read.length
    report.read += read.length
    const share = Math.min(1, report.read / report.total)
    if (share - report.told > 0.005) {
      report.told = share
      postMessage({ share })
    }
    done(null, read.length)
  },
  stat: (path, done) => (find(path) ? done(null, stat(find(path))) : done(failure('ENOENT'))),
  lstat: (path, done) => globalThis.fs.stat(path, done),
  fstat: (fd, done) => (opened.has(fd) ? done(null, stat(opened.get(fd).file)) : done(failure('EBADF'))),
  close: (fd, done) => done(null),
  fsync: (fd, done) => done(null),
  chmod: unable,
  chown: unable,
  fchmod: unable,
  fchown: unable,
  ftruncate: unable,
  lchown: unable,
  link: unable,
  mkdir: unable,
  readdir: unable,
  readlink: unable,
  rename: unable,
  rmdir: unable,
  symlink: unable,
  truncate: unable,
  unlink: unable,
  utimes: unable,
}

onmessage = async ({ data }) => {
  files = data.files
  const passes = data.mode === 'html' ? 2 : 1
  report.total = Math.max(1, passes * files.reduce((n, f) => n + f.size, 0))
  const go = new Go()
  go.argv = ['tcplife', data.mode, ...files.map((f) => f.name)]
  let code = 2
  go.exit = (n) => {
    code = n
  }
  try {
    const packed = new Blob([unpack85(data.wasm)]).stream().pipeThrough(new DecompressionStream('deflate-raw'))
    const { instance } = await WebAssembly.instantiate(await new Response(packed).arrayBuffer(), go.importObject)
    await go.run(instance)
  } catch (e) {
    report.errors += e.message
  }
  postMessage({ end: code, errors: report.errors })
}
