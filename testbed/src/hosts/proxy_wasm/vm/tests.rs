//! A VM with modules of a few lines.

use super::*;
use crate::hosts::proxy_wasm::{LogLevel, Outcome, RequestIn};

/// A module in wasm's text form: what every module has, and `rest`.
fn vm(imports: &str, rest: &str) -> Result<Vm> {
    let text = format!(
        r#"(module
            {imports}
            (memory (export "memory") 1)
            (data (i32.const 0) "hello")
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 1024)
            {rest})"#
    );
    Vm::new(&Module::from_bytes(text.as_bytes())?, VmOptions { fuel: 100_000, ..VmOptions::default() })
}

#[test]
fn what_a_module_lacks_is_taken_as_consent() {
    let mut vm = vm("", "").unwrap();
    let plugin = vm.configure(b"{}").unwrap();
    let (stream, outcome) = vm.request(plugin, RequestIn::get("/")).unwrap();
    assert!(matches!(outcome, Outcome::Forwarded { .. }));
    vm.cancel(stream).unwrap();
    assert!(matches!(vm.cancel(stream), Err(VmError::Unknown(_))));
}

#[test]
fn an_endless_loop_ends_and_the_vm_with_it() {
    let mut vm = vm("", r#"(func (export "proxy_on_tick") (param i32) (loop br 0))"#).unwrap();
    let plugin = vm.configure(b"{}").unwrap();
    let Err(VmError::Trapped(trap)) = vm.tick(plugin) else { panic!("it did not trap") };
    assert!(trap.out_of_fuel, "{trap}");
    assert_eq!(trap.callback, "proxy_on_tick");
    assert!(matches!(vm.tick(plugin), Err(VmError::Dead)));
}

#[test]
fn a_rejected_configuration_comes_with_its_log() {
    let log = r#"(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))"#;
    let configure = r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
        (drop (call $log (i32.const 3) (i32.const 0) (i32.const 5))) i32.const 0)"#;
    let Err(ConfigureError::Rejected { logs }) = vm(log, configure).unwrap().configure(b"{}") else {
        panic!("it was not rejected")
    };
    assert_eq!(logs, [LogLine { level: LogLevel::Warn, text: "hello".into() }]);
}

#[test]
fn a_pointer_outside_the_memory_is_a_trap() {
    let log = r#"(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))"#;
    let tick =
        r#"(func (export "proxy_on_tick") (param i32) (drop (call $log (i32.const 0) (i32.const -1) (i32.const -1))))"#;
    let mut vm = vm(log, tick).unwrap();
    let plugin = vm.configure(b"{}").unwrap();
    assert!(matches!(vm.tick(plugin), Err(VmError::Trapped(_))));
}

#[test]
fn what_envoy_lacks_cannot_be_imported() {
    let error = vm(r#"(import "env" "proxy_make_coffee" (func))"#, "").err().unwrap();
    assert!(format!("{error:#}").contains("proxy_make_coffee"), "{error:#}");
    let error = vm(r#"(import "wasi_snapshot_preview1" "sock_accept" (func))"#, "").err().unwrap();
    assert!(format!("{error:#}").contains("sock_accept"), "{error:#}");
}
