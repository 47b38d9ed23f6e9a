use insta::assert_snapshot;

use super::*;
use crate::report::sample;

fn of(document: &Document) -> String {
    let mut out = Vec::new();
    write(&mut out, document).unwrap();
    String::from_utf8(out).unwrap()
}

/// The text outside of blocks of code.
fn outside(text: &str) -> Vec<String> {
    let mut fence: Option<String> = None;
    let mut lines = Vec::new();
    for line in text.lines() {
        match &fence {
            Some(open) if line == open => fence = None,
            Some(_) => {}
            None if line.starts_with("```") => fence = Some(line.replace("diff", "")),
            None => lines.push(line.to_owned()),
        }
    }
    assert_eq!(fence, None, "a block of code is never closed");
    lines
}

#[test]
fn a_failing_check_shows_what_fails_and_folds_the_rest() {
    assert_snapshot!(of(&sample::document(sample::failing_check())), @r#"
    ## harden check <code>inventory.yml</code>: not fully measured

    2 controls on 4 nodes: 0 pass, 1 fail, 0 unknown, 1 manual · 1 finding not fully measured · 1 node unreachable · 5 changes planned

    check inventory.yml: 4 nodes, profile rancher-2.1, level 1; Rancher Hardening Guide v2.1; CIS Kubernetes Benchmark v1.3.0; 2026-11-23T12:09:45Z

    | Control | Verdict | Where | Why |
    |---|---|---|---|
    | **guide:1.1.1** The kernel behaves as the kubelet expects, now and after a reboot | fail | <code>cp-&#91;1,3&#93;</code> | <code>kernel.panic now</code>: wanted <code>10</code>, seen <code>0</code><br><code>kernel.panic after a reboot</code>: wanted <code>10</code>, seen <code>not set</code> |
    | **guide:1.1.1** The kernel behaves as the kubelet expects, now and after a reboot | unknown | <code>worker-1</code> | not reached, see below |

    ### Blockers

    - worker-1 could not be asked: connection refused (silent-node)
      <br>Hint: mend the connection to worker-1; or pass &#96;--allow-incomplete&#96; to change the other nodes' files and leave cluster.yml alone

    ### Unreachable

    - worker-1: no connection to 10.0.0.21:22: connection refused
      <br>Hint: start sshd on worker-1

    <details><summary>1 warning</summary>

    - inventory.yml line 4: rke ignores &#96;kube&#95;api&#96;
      <br>Hint: write &#96;kube-api&#96;

    </details>

    <details><summary>Everything else that was looked at</summary>

    | Control | Verdict | Where | Why |
    |---|---|---|---|
    | **guide:1.1.1** The kernel behaves as the kubelet expects, now and after a reboot | pass | <code>cp-2</code> |  |
    | **guide:2.1.5** Pods are restricted unless they are allowed more | manual | <code>cluster</code> | look at the policies |

    </details>

    <details><summary>Apply would refuse because of the blockers below; else it would (5 changes)</summary>

    Change on <code>cp-&#91;1,3&#93;</code>

    - kernel kernel.panic: 0 → 10 (guide:1.1.1)
    - file /etc/kubernetes/audit.yaml: missing → 2 lines, 0600 root:root (guide:1.1.3)

    ```diff
    --- audit.yaml
    +++ audit.yaml
    @@ -0,0 +1,2 @@
    +kind: Policy
    +rules: []
    ```

    Edit cluster.yml

    - services.kube-api.extra&#95;args.anonymous-auth: &#34;false&#34; (guide:2.1.2)

    ```diff
    --- cluster.yml
    +++ cluster.yml
    +      anonymous-auth: "false"
    ```

    - run rke up, because cluster.yml changes
    - restart kube-apiserver on cp-&#91;1,3&#93;

    </details>
    "#);
}

#[test]
fn a_half_done_apply_says_where_it_stands() {
    let text = of(&sample::document(sample::half_done_apply()));
    assert!(text.starts_with("## harden apply <code>inventory.yml</code>: went wrong\n"));
    assert!(
        text.contains("**Half done:** cp-1: all changes done"),
        "{text}"
    );
    assert!(
        text.contains("- failed: file /etc/kubernetes/audit.yaml"),
        "{text}"
    );
}

#[test]
fn no_text_becomes_markup_and_no_cell_becomes_two() {
    let text = "|<script>alert(1)</script>`a``` *b* [c](d)\n```\n@ann";
    for events in sample::all() {
        let poisoned = of(&sample::poisoned(&sample::document(events), text));
        let lines = outside(&poisoned);
        for line in &lines {
            let mut rest = line.as_str();
            while let Some(at) = rest.find('<') {
                rest = &rest[at + 1..];
                let known = ["details>", "summary>", "code>", "br>"];
                let rest = rest.trim_start_matches('/');
                assert!(known.iter().any(|tag| rest.starts_with(tag)), "{line}");
            }
            for one in ["](", "@ann", "`"] {
                assert!(!line.contains(one), "{one} in {line}");
            }
            if line.starts_with('|') {
                assert!([5, 4].contains(&line.matches('|').count()), "{line}");
            }
        }
    }
}
