//! What is being done, told to a listener of the thread that does it.
//!
//! Long work says what it is by [`now`]; a program that wants to show it listens ([`listen`]) in the thread from which it calls. Without a
//! listener nothing happens: nothing is printed here, and no text is made.

use std::cell::RefCell;
use std::rc::Rc;

/// Takes what is being done, from the whole to its part; empty when nothing more is.
type Listener = Rc<dyn Fn(&[String])>;

thread_local! {
    static LISTENER: RefCell<Option<Listener>> = const { RefCell::new(None) };
    static STACK: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Something being done, until it is dropped.
#[derive(Debug)]
#[must_use = "it is done when this is dropped"]
pub struct Doing {
    told: bool,
}

/// Says what is done from here on, in a few words without a stop, such as "reading cifar10". Parts said within it are parts of it.
pub fn now(what: impl FnOnce() -> String) -> Doing {
    let told = LISTENER.with_borrow(Option::is_some);
    if told {
        STACK.with_borrow_mut(|stack| stack.push(what()));
        tell();
    }
    Doing { told }
}

impl Drop for Doing {
    fn drop(&mut self) {
        if self.told {
            STACK.with_borrow_mut(|stack| drop(stack.pop()));
            tell();
        }
    }
}

/// Listening, until it is dropped.
#[derive(Debug)]
pub struct Listening(());

/// Has `listener` told what this thread does, at each change; it takes the place of the one before.
pub fn listen(listener: impl Fn(&[String]) + 'static) -> Listening {
    LISTENER.set(Some(Rc::new(listener)));
    Listening(())
}

impl Drop for Listening {
    fn drop(&mut self) {
        LISTENER.set(None);
        STACK.take();
    }
}

fn tell() {
    // The listener may itself do something that says so.
    if let Some(listener) = LISTENER.with_borrow(Clone::clone) {
        let stack = STACK.with_borrow(Clone::clone);
        listener(&stack);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_hears_the_whole_and_its_parts_and_only_its_thread() {
        let heard = Rc::new(RefCell::new(Vec::new()));
        let _unheard = now(|| unreachable!("nobody listens"));
        {
            let heard = heard.clone();
            let _listening = listen(move |stack| heard.borrow_mut().push(stack.join(": ")));
            let _whole = now(|| "step 1".to_owned());
            drop(now(|| "components".to_owned()));
            std::thread::spawn(|| drop(now(|| unreachable!("another thread")))).join().unwrap();
        }
        assert_eq!(*heard.borrow(), ["step 1", "step 1: components", "step 1", ""]);
        let _after = now(|| unreachable!("nobody listens any more"));
    }
}
