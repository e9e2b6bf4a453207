"use strict";
(function () {
  var form = document.getElementById("filters");
  document.querySelectorAll("button[data-copy]").forEach(function (button) {
    if (!navigator.clipboard) { return; }
    button.hidden = false;
    button.addEventListener("click", function () {
      navigator.clipboard.writeText(button.parentNode.querySelector("pre").textContent).then(function () {
        button.textContent = "Copied";
      });
    });
  });

  function unfold() {
    var wanted = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (var box = wanted; box; box = box.parentElement) {
      if (box.tagName === "DETAILS") { box.open = true; }
    }
    if (wanted) { wanted.scrollIntoView(); }
  }
  window.addEventListener("hashchange", unfold);
  unfold();
  if (!form) { return; }

  var groups = Array.prototype.slice.call(document.querySelectorAll(".group.verdicts"));
  var rows = Array.prototype.map.call(document.querySelectorAll(".r"), function (row) {
    return { row: row, text: null, group: row.closest(".group") };
  });
  var folded = groups.map(function (group) { return group.open; });
  var status = document.getElementById("status");
  var timer = 0;

  function chosen() {
    return Array.prototype.map.call(form.querySelectorAll("input[name=verdict]:checked"), function (box) { return box.value; });
  }

  function apply() {
    var words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    var verdicts = chosen(), layer = form.elements.layer.value, level = form.elements.level.value, pack = form.elements.pack.value;
    var filtering = words.length > 0 || verdicts.length > 0 || layer !== "" || level !== "" || pack !== "";
    var counts = new Map(), shown = 0;
    rows.forEach(function (item) {
      var data = item.row.dataset;
      var fits = (verdicts.length === 0 || verdicts.indexOf(data.verdict) >= 0) && (layer === "" || layer === data.layer) &&
        (level === "" || level === data.level) && (pack === "" || pack === data.pack);
      if (fits && words.length) {
        if (item.text === null) { item.text = item.row.textContent.toLowerCase(); }
        fits = words.every(function (word) { return item.text.indexOf(word) >= 0; });
      }
      item.row.hidden = !fits;
      if (fits) { shown += 1; counts.set(item.group, (counts.get(item.group) || 0) + 1); }
    });
    groups.forEach(function (group, index) {
      var count = counts.get(group) || 0;
      group.hidden = count === 0;
      group.open = filtering ? count > 0 : folded[index];
      var label = group.querySelector(".count");
      label.textContent = filtering ? count + " of " + label.dataset.all : label.dataset.all;
    });
    status.textContent = shown + " of " + rows.length + " verdicts shown" + (shown === 0 ? ". Try fewer words or another verdict." : "");
  }

  form.hidden = false;
  form.addEventListener("input", function () { clearTimeout(timer); timer = setTimeout(apply, 80); });
  form.addEventListener("reset", function () { setTimeout(apply, 0); });
  form.addEventListener("submit", function (event) { event.preventDefault(); apply(); });
  apply();
})();
