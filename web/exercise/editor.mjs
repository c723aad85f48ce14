// CodeMirror in place of a text area: colours, indentation and undo. Tab leaves it, as everywhere on the page.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { HighlightStyle, StreamLanguage, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { python } from "@codemirror/legacy-modes/mode/python";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--ask)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--true)" },
  { tag: tags.comment, color: "var(--quiet)" },
  { tag: [tags.number, tags.bool], color: "var(--back)" },
  { tag: [tags.definition(tags.variableName), tags.standard(tags.variableName)], color: "var(--forward)" },
]);

const look = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--paper)" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
});

// Returns { read, write } of an editor that stands where the text area stood; `changed` is called after each change.
export function makeEditor(textarea, changed) {
  const { selectionStart, selectionEnd } = textarea;
  const hadFocus = document.activeElement === textarea;
  const view = new EditorView({
    state: EditorState.create({
      doc: textarea.value,
      selection: hadFocus ? { anchor: selectionStart, head: selectionEnd } : undefined,
      extensions: [
        history(),
        keymap.of([...defaultKeymap, ...historyKeymap]),
        StreamLanguage.define(python),
        indentUnit.of("    "),
        syntaxHighlighting(colours),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({
          "aria-labelledby": textarea.labels[0].id, autocapitalize: "off", autocorrect: "off", spellcheck: "false",
        }),
        EditorView.updateListener.of((update) => update.docChanged && changed()),
        look,
      ],
    }),
  });
  view.dom.style.minHeight = `${textarea.offsetHeight}px`;
  textarea.hidden = true;
  textarea.after(view.dom);
  textarea.labels[0].addEventListener("click", () => view.focus());
  if (hadFocus) view.focus();
  return {
    read: () => view.state.doc.toString(),
    write: (text) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }),
  };
}
