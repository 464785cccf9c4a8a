//! Builds the modules and says where they are and how large.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use anyhow::{Context, Result, anyhow, bail};

use crate::lock::FileLock;
use crate::shrink::shrunk;

/// Names a directory with the delivered modules built elsewhere, under the names that cargo gives them. Probes are built all the same.
pub const OVERRIDE: &str = "JACKSTAFF_MODULES";

/// The cargo profile of the modules, in the workspace's manifest.
const PROFILE: &str = "module";
/// That of modules whose budget leaves room for speed.
const FAST_PROFILE: &str = "fast-module";
/// That of modules with a fault built in. Its own, so that they never take the place of the delivered ones.
const FAULTY_PROFILE: &str = "faulty-module";

/// A module of this workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Module {
    /// The Envoy filter.
    Filter,
    /// The Spin component.
    Spin,
    /// The Fastly Compute service.
    Fastly,
    /// The Spin component that tests the Spin host and that benchmarks compare with.
    ProbeSpin,
    /// The same for Fastly.
    ProbeFastly,
    /// The core by itself, for benchmarks.
    ProbeCore,
    /// Envoy filters that do next to nothing, for benchmarks.
    ProbeFilter,
    /// The Envoy filter with a trap that a request springs by the header `x-jackstaff-trap`.
    FaultyFilter,
}

/// How many there are.
const COUNT: usize = 8;

impl Module {
    /// The three that are delivered.
    pub const DELIVERED: [Self; 3] = [Self::Filter, Self::Spin, Self::Fastly];

    /// The package that it is built from.
    pub const fn package(self) -> &'static str {
        match self {
            Self::Filter | Self::FaultyFilter => "jackstaff-filter",
            Self::Spin => "jackstaff-spin",
            Self::Fastly => "jackstaff-fastly",
            Self::ProbeSpin => "jackstaff-probe-spin",
            Self::ProbeFastly => "jackstaff-probe-fastly",
            Self::ProbeCore => "jackstaff-probe-core",
            Self::ProbeFilter => "jackstaff-probe-filter",
        }
    }

    /// The target that its platform asks for.
    pub const fn target(self) -> &'static str {
        match self {
            Self::Filter
            | Self::FaultyFilter
            | Self::ProbeFilter
            | Self::Fastly
            | Self::ProbeFastly
            | Self::ProbeCore => "wasm32-wasip1",
            Self::Spin | Self::ProbeSpin => "wasm32-wasip2",
        }
    }

    /// The file name that cargo gives it: Fastly's are programs, the others libraries.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Filter | Self::FaultyFilter => "jackstaff_filter.wasm",
            Self::Spin => "jackstaff_spin.wasm",
            Self::Fastly => "jackstaff-fastly.wasm",
            Self::ProbeSpin => "jackstaff_probe_spin.wasm",
            Self::ProbeFastly => "jackstaff-probe-fastly.wasm",
            Self::ProbeCore => "jackstaff_probe_core.wasm",
            Self::ProbeFilter => "jackstaff_probe_filter.wasm",
        }
    }

    /// The largest size it may have, in bytes (1 KB is 1,000 bytes). A probe's is its platform's: it holds nothing but the platform.
    pub const fn budget(self) -> u64 {
        match self {
            Self::Filter | Self::FaultyFilter | Self::ProbeFilter | Self::ProbeCore => 500_000,
            Self::Spin | Self::ProbeSpin => 700_000,
            Self::Fastly | Self::ProbeFastly => 1_000_000,
        }
    }

    /// The profile that it is built in, and the features that its package has then.
    const fn build_as(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::FaultyFilter => (FAULTY_PROFILE, &["--features", "trap"]),
            Self::Fastly | Self::ProbeFastly | Self::ProbeCore => (FAST_PROFILE, &[]),
            _ => (PROFILE, &[]),
        }
    }

    /// The path of the module, built when this process asks for it first. Processes that ask at the same time wait for each other.
    ///
    /// # Errors
    /// When it does not build, with cargo's output, or when `JACKSTAFF_MODULES` names a directory without it.
    pub fn path(self) -> Result<&'static Path> {
        static PATHS: [OnceLock<Result<PathBuf, String>>; COUNT] = [const { OnceLock::new() }; COUNT];
        let path = PATHS[self as usize].get_or_init(|| self.obtain().map_err(|error| format!("{error:#}")));
        path.as_deref().map_err(|error| anyhow!("{error}"))
    }

    fn obtain(self) -> Result<PathBuf> {
        if let Some(dir) = env::var_os(OVERRIDE).filter(|_| Self::DELIVERED.contains(&self)) {
            let path = PathBuf::from(dir).join(self.file_name());
            if !path.is_file() {
                bail!("{OVERRIDE} is set and there is no {}; unset it to build the module", path.display());
            }
            return Ok(path);
        }
        self.build()
    }

    fn build(self) -> Result<PathBuf> {
        let target_dir = target_directory()?;
        let _lock = FileLock::acquire(&target_dir.join("jackstaff-modules.lock"), "the build of the modules")?;
        install_target(self.target())?;
        let (package, target) = (self.package(), self.target());
        let (profile, features) = self.build_as();
        eprintln!("testbed: building {package} for {target} …");
        let build = cargo()
            .args(["build", "--profile", profile, "--package", package, "--target", target])
            .args(features)
            .stdin(Stdio::null())
            .output()
            .context("cannot run cargo")?;
        if !build.status.success() {
            bail!(
                "{package} does not build for {target} ({}). Repeat it with: cargo build --profile {profile} --package {package} --target {target}\n{}",
                build.status,
                String::from_utf8_lossy(&build.stderr)
            );
        }
        let path = target_dir.join(target).join(profile).join(self.file_name());
        if !path.is_file() {
            bail!(
                "cargo built {package} and there is no {}: has the package another crate type or name?",
                path.display()
            );
        }
        if !Self::DELIVERED.contains(&self) {
            return Ok(path);
        }
        Ok(shrunk(&path).unwrap_or_else(|error| {
            eprintln!("testbed: {package} stays larger than it could be: {error:#}");
            path
        }))
    }
}

/// Where the modules are.
#[derive(Clone, Copy, Debug)]
pub struct Modules {
    /// The Envoy filter.
    pub filter: &'static Path,
    /// The Spin component.
    pub spin: &'static Path,
    /// The Fastly service.
    pub fastly: &'static Path,
}

/// All three modules, built when need be. Ask for one by [`Module::path`] where one is enough.
///
/// # Errors
/// As for [`Module::path`].
pub fn modules() -> Result<Modules> {
    Ok(Modules { filter: Module::Filter.path()?, spin: Module::Spin.path()?, fastly: Module::Fastly.path()? })
}

/// The size of a module beside what it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModuleSize {
    /// Which.
    pub module: Module,
    /// Its size in bytes.
    pub bytes: u64,
    /// The largest size it may have, in bytes.
    pub budget: u64,
}

impl ModuleSize {
    /// Whether it keeps to the budget.
    pub fn within_budget(&self) -> bool {
        self.bytes <= self.budget
    }
}

impl std::fmt::Display for ModuleSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kb = |bytes: u64| bytes.div_ceil(1_000);
        let verdict = if self.within_budget() { "within" } else { "OVER" };
        write!(f, "{:?}: {} KB, {verdict} the budget of {} KB", self.module, kb(self.bytes), kb(self.budget))
    }
}

/// The sizes of the three modules, built when need be.
///
/// # Errors
/// As for [`Module::path`], or when a file cannot be read.
pub fn sizes() -> Result<Vec<ModuleSize>> {
    Module::DELIVERED.into_iter().map(|module| size_of(module, module.path()?)).collect()
}

fn size_of(module: Module, path: &Path) -> Result<ModuleSize> {
    let bytes = path.metadata().with_context(|| format!("cannot read {}", path.display()))?.len();
    Ok(ModuleSize { module, bytes, budget: module.budget() })
}

/// Cargo in the workspace's directory, so that its toolchain file and configuration apply.
fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    cargo
}

fn target_directory() -> Result<PathBuf> {
    let metadata = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .output()
        .context("cannot run cargo")?;
    if !metadata.status.success() {
        bail!("cargo metadata failed:\n{}", String::from_utf8_lossy(&metadata.stderr));
    }
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout)?;
    metadata["target_directory"].as_str().map(PathBuf::from).context("cargo metadata names no target directory")
}

/// Adds a target to the toolchain when it is missing. Asking rustc first keeps this working offline and without rustup.
fn install_target(target: &str) -> Result<()> {
    let in_workspace = |program: &str| {
        let mut command = Command::new(program);
        command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
        command
    };
    let libdir = in_workspace("rustc").args(["--print", "target-libdir", "--target", target]).output();
    let libdir = libdir.context("cannot run rustc")?;
    if libdir.status.success() && Path::new(String::from_utf8_lossy(&libdir.stdout).trim()).is_dir() {
        return Ok(());
    }
    eprintln!("testbed: adding the target {target} …");
    let added = in_workspace("rustup").args(["target", "add", target]).output();
    let added = added.with_context(|| format!("the toolchain lacks {target} and there is no rustup to add it"))?;
    if !added.status.success() {
        bail!("rustup target add {target} failed:\n{}", String::from_utf8_lossy(&added.stderr));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_over_its_budget_is_noticed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(Module::Spin.budget()).unwrap();
        assert!(size_of(Module::Spin, file.path()).unwrap().within_budget());
        file.as_file().set_len(Module::Spin.budget() + 1).unwrap();
        assert!(!size_of(Module::Spin, file.path()).unwrap().within_budget());
    }

    #[test]
    fn the_target_directory_is_known_to_cargo() {
        assert!(target_directory().unwrap().is_absolute());
    }
}
