//! Makes a module smaller than the compiler does, with binaryen's wasm-opt.
//!
//! It comes from npm, pinned by a lock file, into the cache. Where there is no npm the module stays as it is: it works the same.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::{cache, lock::FileLock, program::run};

/// Named with the version in `testbed/tools/package.json`: another version is another directory.
const INSTALLATION: &str = "binaryen-132.0.0";

/// Written when the installation is complete.
const DONE: &str = "installed";

/// The proposals that rustc's modules use. All hosts have them.
const FEATURES: [&str; 6] =
    ["bulk-memory", "sign-ext", "mutable-globals", "nontrapping-float-to-int", "multivalue", "reference-types"];

/// What is done, in this order. Flow that is taken apart and put together again comes out smaller, and so do addresses where nothing lies below
/// the first kilobyte: the stack grows down to it, and what would reach it has overflowed. Together they save 1.5 % and as many instructions.
const PASSES: [&str; 5] = ["--low-memory-unused", "--flatten", "--rereloop", "-Oz", "-Oz"];

/// What a component begins with, and a module.
const COMPONENT: [u8; 8] = [0, b'a', b's', b'm', 0x0d, 0, 1, 0];

/// The section of a component that holds a module.
const CORE_MODULE: u8 = 1;

/// The smaller form of a module or component, beside it in a directory of its own; made anew when it is not of this original. Which of the two
/// is older says nothing: cargo puts an older build back when what it was made of is back.
///
/// # Errors
/// When npm is missing, or wasm-opt refuses the module.
pub fn shrunk(original: &Path) -> Result<PathBuf> {
    shrunk_by(original, |module| optimise(&wasm_opt()?, module, tempfile::tempdir()?.path()))
}

fn shrunk_by(original: &Path, shrink: impl Fn(&[u8]) -> Result<Vec<u8>>) -> Result<PathBuf> {
    let (dir, name) = (original.parent().context("a module lies in a directory")?, original.file_name());
    let smaller = dir.join("shrunk").join(name.context("a module has a name")?);
    let bytes = fs::read(original).with_context(|| format!("cannot read {}", original.display()))?;
    let of = smaller.with_extension("of");
    let this = origin(&bytes);
    if smaller.is_file() && fs::read_to_string(&of).is_ok_and(|made| made == this) {
        return Ok(smaller);
    }
    let shrunk = if bytes.starts_with(&COMPONENT) { component(&bytes, shrink)? } else { shrink(&bytes)? };
    fs::create_dir_all(dir.join("shrunk"))?;
    // Moved into place: whoever reads it meanwhile has the old one or the new one.
    let new = smaller.with_extension("new");
    fs::write(&new, shrunk)?;
    // What breaks off here is made again: the file says nothing true until the module lies there.
    let _ = fs::remove_file(&of);
    fs::rename(&new, &smaller)?;
    fs::write(&of, this)?;
    Ok(smaller)
}

/// What a smaller form is made of, and how.
fn origin(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    (INSTALLATION, PASSES, FEATURES, bytes).hash(&mut hasher);
    format!("{:016x} of {} bytes", hasher.finish(), bytes.len())
}

fn wasm_opt() -> Result<PathBuf> {
    let dir = cache::dir(INSTALLATION)?;
    let tool = dir.join("node_modules").join(".bin").join("wasm-opt");
    if dir.join(DONE).is_file() {
        return Ok(tool);
    }
    let _lock = FileLock::acquire(&dir.with_extension("lock"), "the installation of binaryen")?;
    if !dir.join(DONE).is_file() {
        eprintln!("testbed: installing binaryen into {} …", dir.display());
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools");
        for file in ["package.json", "package-lock.json"] {
            fs::copy(tools.join(file), dir.join(file))?;
        }
        let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        run(Command::new("npm").args(npm).current_dir(&dir)).context("npm is needed, which comes with Node 20")?;
        fs::write(dir.join(DONE), "")?;
    }
    Ok(tool)
}

fn optimise(tool: &Path, module: &[u8], scratch: &Path) -> Result<Vec<u8>> {
    let (before, after) = (scratch.join("before.wasm"), scratch.join("after.wasm"));
    fs::write(&before, module)?;
    let features = FEATURES.map(|feature| format!("--enable-{feature}"));
    run(Command::new(tool).args(PASSES).args(features).arg(&before).arg("-o").arg(&after))?;
    Ok(fs::read(&after)?)
}

/// The component with every module in it put through `shrink`. A component is a list of sections, each a kind, a length and its bytes.
fn component(bytes: &[u8], shrink: impl Fn(&[u8]) -> Result<Vec<u8>>) -> Result<Vec<u8>> {
    let (preamble, mut rest) = bytes.split_at(COMPONENT.len());
    let mut out = preamble.to_vec();
    while let Some((&kind, after)) = rest.split_first() {
        let (length, after) = leb128(after).context("a section has no length")?;
        ensure!(after.len() >= length, "a section is longer than the component");
        let (section, after) = after.split_at(length);
        let section = if kind == CORE_MODULE { shrink(section)? } else { section.to_vec() };
        out.push(kind);
        write_leb128(section.len(), &mut out);
        out.extend(section);
        rest = after;
    }
    Ok(out)
}

/// An unsigned number in LEB128, and what follows it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0_usize;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        number |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((number, &bytes[at + 1..]));
        }
    }
    None
}

fn write_leb128(mut number: usize, out: &mut Vec<u8>) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or(0);
        number >>= 7;
        out.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_components_modules_are_replaced_and_all_else_stays() {
        let sections = |module: &[u8]| {
            let mut bytes = COMPONENT.to_vec();
            for (kind, section) in [(0, &b"\x04name"[..]), (CORE_MODULE, module), (7, b"types")] {
                bytes.push(kind);
                write_leb128(section.len(), &mut bytes);
                bytes.extend(section);
            }
            bytes
        };
        let (long, short) = (vec![7; 70_000], vec![7; 300]);
        let shrunk = component(&sections(&long), |module| Ok(module[..300].to_vec())).unwrap();
        assert_eq!(shrunk, sections(&short));
        assert!(component(&sections(&long)[..500], |module| Ok(module.to_vec())).is_err());
    }

    #[test]
    fn a_module_that_changed_is_shrunk_again_however_old_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let original = dir.path().join("module.wasm");
        let times = Cell::new(0);
        let shrunk = |content: &[u8]| {
            fs::write(&original, content).unwrap();
            fs::File::open(&original).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
            let smaller = shrunk_by(&original, |module| {
                times.set(times.get() + 1);
                Ok(module[..1].to_vec())
            });
            (fs::read(smaller.unwrap()).unwrap(), times.get())
        };
        assert_eq!(shrunk(b"one"), (b"o".to_vec(), 1));
        assert_eq!(shrunk(b"one"), (b"o".to_vec(), 1));
        assert_eq!(shrunk(b"another"), (b"a".to_vec(), 2));
        assert_eq!(shrunk(b"one"), (b"o".to_vec(), 3));
        // As where making it broke off.
        fs::remove_file(dir.path().join("shrunk/module.of")).unwrap();
        assert_eq!(shrunk(b"one"), (b"o".to_vec(), 4));
    }
}
